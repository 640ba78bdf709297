"""What a candidate is compared with: the control beside it, its own past, or the rate that it was promised."""

from dataclasses import dataclass

from domain.gates import sentences
from domain.gates.baseline import LEAST_PAST
from domain.gates.evidence import Pair, RateEvidence, Terms
from domain.gates.intervals import difference_interval
from domain.gates.spec import ErrorRateGate, GateSpec, Unit
from domain.gates.state import GateState
from domain.gates.windows import Window

APART = 1.11
"""A tolerable ratio lies so far above the limit at least; otherwise nothing could ever be proved healthy."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """`rates` are (candidate, control); of a cohort both are multiples of the own past, whose rate is `usual`."""

    rates: Pair | None
    sizes: Pair
    limit: float | None
    over: bool
    words: str
    interval: Pair | None


def terms_of(gate: ErrorRateGate, state: GateState, *, own_past: bool) -> Terms:
    """What the bets of the next window are about; points become a ratio by the control's rate until now."""
    phi = state.baseline.phi if state.baseline is not None else 1.0
    if gate.unit is Unit.RELATIVE:
        limit = gate.past_limit if own_past else gate.limit
        return Terms(limit, gate.max_tolerable_ratio if not own_past else _tolerable(gate, limit), phi)
    usual = _usual(state)
    if usual is None:
        return Terms(None, gate.max_tolerable_ratio, phi)
    return Terms(1 + gate.increase / usual, max(gate.max_tolerable_ratio, 1 + 2 * gate.increase / usual), phi)


def compared(spec: GateSpec, state: GateState, alpha: float) -> Comparison:
    """What the evidence so far says about the error rate."""
    if state.past.candidate:
        return _with_past(spec, state, alpha)
    seen, gate = state.errors, spec.error_rate
    if seen.rates is None:
        words = sentences.alone(seen.candidate, seen.candidate_events)
        return Comparison(None, (seen.candidate, seen.control), _limit(gate), over=False, words=words, interval=None)
    if state.exposed:
        return _cohort(gate, seen, alpha)
    words = sentences.rate(seen.rates, gate, seen.candidate)
    sizes = _sizes((seen.candidate, seen.control), state)
    interval = difference_interval(seen.rates, sizes, gate.limit, alpha)
    return Comparison(seen.rates, sizes, _limit(gate), _over(gate, seen.rates), words, interval)


def window_over(gate: ErrorRateGate, window: Window) -> bool:
    """The literal rule on one window."""
    candidate, control = window.candidate, window.control
    if control is None or not candidate.requests or not control.requests:
        return False
    if window.expected is not None:
        rates = candidate.errors / window.expected[0], control.errors / window.expected[1]
        return _over(gate, rates, window.expected[0] / candidate.requests)
    return _over(gate, (candidate.errors / candidate.requests, control.errors / control.requests))


def _with_past(spec: GateSpec, state: GateState, alpha: float) -> Comparison:
    gate, seen = spec.error_rate, state.past
    rates = seen.candidate_events / seen.candidate, seen.expected / seen.candidate
    promised = _promised(spec, state)
    over = rates[0] > rates[1] if promised else _over(gate, rates)
    words = sentences.past(rates, gate, seen.candidate, promised=promised)
    sizes = _sizes((seen.candidate, seen.candidate), state)
    ratio = 1.0 if promised else gate.limit
    return Comparison(rates, sizes, ratio, over, words, difference_interval(rates, sizes, ratio, alpha))


def _promised(spec: GateSpec, state: GateState) -> bool:
    return spec.fix_forward is not None and state.baseline is not None and state.baseline.unhealthy


def _cohort(gate: ErrorRateGate, seen: RateEvidence, alpha: float) -> Comparison:
    rates = seen.rates or (0.0, 0.0)
    usual = seen.expected / seen.candidate if seen.candidate else 0.0
    sizes = seen.expected, seen.even_weight * seen.expected / max(seen.expected - seen.even_weight, 1e-9)
    interval = difference_interval(rates, sizes, gate.limit, alpha, counts=True)
    words = sentences.cohort(rates, gate, seen.candidate)
    return Comparison(rates, sizes, _limit(gate), _over(gate, rates, usual), words, interval)


def _over(gate: ErrorRateGate, rates: Pair, usual: float = 1.0) -> bool:
    """Over the limit by estimate; `usual` makes points of what is a multiple of the past."""
    apart = (rates[0] - rates[1]) * usual
    if gate.unit is Unit.POINTS:
        return apart > gate.increase and apart >= gate.min_abs_effect
    return rates[0] > gate.limit * rates[1] and apart >= gate.min_abs_effect


def _usual(state: GateState) -> float | None:
    seen, baseline = state.errors, state.baseline
    if seen.control >= LEAST_PAST:
        return (seen.control_events + 0.5) / (seen.control + 1)
    return baseline.rate if baseline is not None else None


def _tolerable(gate: ErrorRateGate, limit: float) -> float:
    return max(gate.max_tolerable_ratio, APART * limit)


def _limit(gate: ErrorRateGate) -> float | None:
    return gate.limit if gate.unit is Unit.RELATIVE else None


def _sizes(requests: tuple[int, int], state: GateState) -> Pair:
    phi = state.baseline.phi if state.baseline is not None else 1.0
    return requests if phi == 1.0 else (requests[0] / phi, requests[1] / phi)
