"""Whether a gate can see anything is arithmetic, and is asked before a rollout and not after it."""

from dataclasses import dataclass

from domain.canonical import Json
from domain.errors import Invalid

ONE_SIDED = 1.6449
"""The quantile of the normal distribution at 95 %: one wrong alarm in twenty."""
POWER = 0.8416
"""And at 80 %: four of five regressions of this size are found."""
PEEKING = 2.6
"""How many times the requests of a test that looks once the e-process needs at most, for looking at every check."""
WORST = 3.0
"""In production whoever cannot see three times as many errors says that they know."""
_LEAST_APART = 1e-6
_FEWEST = 20.0
"""Of fewer requests the normal approximation says nothing."""


class GateNotFeasible(Invalid):
    """There is too little traffic for this gate to see three times as many errors; plan more, or say that you know."""

    kind = "gate-not-feasible"


def requests_needed(rate: float, ratio: float, control: float, phi: float = 1.0) -> float:
    """Requests of the candidate, at once, to find `ratio` times the error rate with power 0.8 at a one-sided 0.05.

    `control` requests are made beside each of them. The normal approximation for two proportions (Fleiss, Statistical
    Methods for Rates and Proportions, unpooled); errors in bursts of `phi` take as many times more.
    """
    harmed = min(rate * ratio, 1.0)
    spread = harmed * (1 - harmed) + rate * (1 - rate) / control
    return phi * (ONE_SIDED + POWER) ** 2 * spread / (harmed - rate) ** 2


def min_detectable_ratio(rate: float, candidate: float, control: float, phi: float = 1.0) -> float | None:
    """The smallest multiple of the error rate that so many requests show to a gate that peeks; None: none at all."""
    if not 0 < rate < 1 or candidate < _FEWEST or control <= 0:
        return None
    most, beside = 1 / rate, control / candidate

    def seen(ratio: float) -> bool:
        return PEEKING * requests_needed(rate, ratio, beside, phi) <= candidate

    if not seen(most):
        return None
    low, high = 1 + _LEAST_APART, most
    while high - low > _LEAST_APART * high:
        middle = (low + high) / 2
        low, high = (low, middle) if seen(middle) else (middle, high)
    return high


@dataclass(frozen=True)
class Exposed:
    """What one stage sees at the end of its longest soak."""

    percent: float
    requests: int
    min_detectable_ratio: float | None

    def to_json(self) -> Json:
        return {
            "percent": self.percent,
            "requests": self.requests,
            "min_detectable_ratio": self.min_detectable_ratio,
        }


@dataclass(frozen=True)
class Feasibility:
    """`known` is False where the source has never counted this, which is not the same as having counted little.

    `rate` is the error rate and `per_second` the requests of what is served now, all measured before the rollout.
    """

    known: bool
    rate: float | None = None
    per_second: float | None = None
    phi: float = 1.0
    stages: tuple[Exposed, ...] = ()

    @property
    def min_detectable_ratio(self) -> float | None:
        """That of the first stage: what it does not show, nobody is kept from."""
        return self.stages[0].min_detectable_ratio if self.stages else None

    @property
    def feasible(self) -> bool:
        """True of what is not known, too: only what was measured is held against anybody."""
        found = self.min_detectable_ratio
        return not self.known or (found is not None and found <= WORST)

    def to_json(self) -> Json:
        return {
            "known": self.known,
            "feasible": self.feasible,
            "error_rate": self.rate,
            "requests_per_second": self.per_second,
            "phi": self.phi,
            "min_detectable_ratio": self.min_detectable_ratio,
            "stages": [each.to_json() for each in self.stages],
        }
