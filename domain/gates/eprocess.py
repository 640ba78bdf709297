"""An e-process is a bet against a hypothesis; its value may be looked at after every check without losing validity.

Each is a grid mixture of likelihood ratios kept as logarithms, one float a grid point. Ville's inequality gives
P(ever E >= 1/alpha) <= alpha under the hypothesis, at any stopping time. Sources: Wald 1945; Robbins 1970; Lindon and
Malek, Anytime-Valid Inference for Multinomial Count Data, NeurIPS 2022 (arXiv 2011.03567).
"""

import math

Logs = tuple[float, ...]

HARM_RATIOS = (1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
"""Alternatives of the harm bet, as multiples of the limit."""
HEALTH_RATIOS = (0.5, 0.75, 0.9, 1.0, 1.05, 1.1)
"""Alternatives of the health bet, as ratios of the candidate's rate to the control's."""
SLOWDOWNS = (1.25, 1.5, 2.0, 3.0, 5.0, 8.0)
"""Alternatives of the harm bet on slow requests, as multiples of the share that may be slow."""
SPEEDUPS = (0.1, 0.25, 0.5, 0.75)
"""Alternatives of the health bet on slow requests."""

NO_HARM: Logs = (0.0,) * len(HARM_RATIOS)
NO_HEALTH: Logs = (0.0,) * len(HEALTH_RATIOS)
NO_SLOWDOWN: Logs = (0.0,) * len(SLOWDOWNS)
NO_SPEEDUP: Logs = (0.0,) * len(SPEEDUPS)
"""Before the first check every E is 1."""

LARGEST_LOG = 700.0
"""exp() of more overflows a float; only displayed values are capped, evidence stays logarithmic."""


def two_sample(
    logs: Logs, ratios: tuple[float, ...], null: float, events: tuple[float, float], exposures: tuple[float, float]
) -> Logs:
    """One check of the bet that rate_candidate / rate_control is one of `ratios` and not `null`.

    `events` and `exposures` are (candidate, control). Given their sum, the candidate's events are binomial with
    theta(rho) = rho*w_c / (rho*w_c + w_b); the split w may differ from check to check.
    """
    candidate, control = exposures
    hits, total = events[0], events[0] + events[1]
    if total == 0 or candidate <= 0 or control <= 0:
        return logs
    under_null = null * candidate + control
    return tuple(
        log + hits * math.log(ratio / null) + total * math.log(under_null / (ratio * candidate + control))
        for log, ratio in zip(logs, ratios, strict=True)
    )


def beside_past(logs: Logs, ratios: tuple[float, ...], null: float, events: float, expected: float) -> Logs:
    """One check of the bet that events come at one of `ratios` times what is `expected`, and not at `null` times that.

    The likelihood ratio of Poisson counts; events that are less dispersed, as errors among requests are, make it
    smaller on average.
    """
    return tuple(
        log + events * math.log(ratio / null) - expected * (ratio - null)
        for log, ratio in zip(logs, ratios, strict=True)
    )


def split(logs: Logs, odds: tuple[float, ...], null: float, hits: float, misses: float) -> Logs:
    """One check of the bet that the odds of a request going to the candidate are one of `odds`, and not `null`."""
    total = hits + misses
    return tuple(
        log + hits * math.log(each / null) + total * math.log((1 + null) / (1 + each))
        for log, each in zip(logs, odds, strict=True)
    )


def exceedance(logs: Logs, factors: tuple[float, ...], share: float, slow: int, total: int) -> Logs:
    """One check of the bet that a request is slow with probability factor*share and not `share`."""
    fast = total - slow
    return tuple(
        log + slow * math.log(factor) + fast * (math.log1p(-factor * share) - math.log1p(-share))
        for log, factor in zip(logs, factors, strict=True)
    )


def log_mean(logs: Logs) -> float:
    """Natural log of the equally weighted mixture, safe against overflow."""
    top = max(logs)
    return top + math.log(sum([math.exp(log - top) for log in logs]) / len(logs))


def value(log: float) -> float:
    """E for display, capped where a float ends."""
    return math.exp(min(log, LARGEST_LOG))


def anytime_p(peak: float) -> float:
    """The anytime-valid p-value: one over the largest E seen so far, at most 1."""
    return math.exp(-max(peak, 0.0))
