"""A verdict is one of six words; only PASS lets exposure grow, and only FAIL takes it back at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from domain.canonical import Json
from domain.gates import eprocess


class Verdict(StrEnum):
    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    CONTINUE = "continue"
    NO_DATA = "no_data"
    PROVIDER_ERROR = "provider_error"
    INCONCLUSIVE = "inconclusive"


class Role(StrEnum):
    GUARDRAIL = "guardrail"
    SIGNAL = "signal"
    INFO = "info"


_FIRST = (Verdict.FAIL, Verdict.PROVIDER_ERROR, Verdict.NO_DATA, Verdict.INCONCLUSIVE, Verdict.CONTINUE)


def combined(verdicts: Iterable[Verdict]) -> Verdict:
    """The stage's verdict from its guardrails': harm first, then blindness; PASS only when all of them pass."""
    given = set(verdicts)
    return next((word for word in _FIRST if word in given), Verdict.PASS if given else Verdict.NO_DATA)


@dataclass(frozen=True, slots=True)
class MetricVerdict:
    """What one gate says, with what it saw.

    `candidate` and `control` are the compared estimates (shares of requests), `ratio` their quotient (None when the
    control's is zero), `limit` what the ratio may be, `log_harm` and `log_health` the natural logs of both E, `p_value`
    the anytime-valid one, `interval` the displayed confidence sequence of candidate - limit*control. A guardrail rolls
    back, a signal holds, an info only tells.
    """

    name: str
    verdict: Verdict
    sentence: str
    candidate: float | None = None
    control: float | None = None
    ratio: float | None = None
    limit: float | None = None
    log_harm: float = 0.0
    log_health: float = 0.0
    p_value: float = 1.0
    interval: tuple[float, float] | None = None
    role: Role = Role.GUARDRAIL

    def to_json(self) -> Json:
        return {
            **{name: getattr(self, name) for name in self.__slots__},
            "verdict": self.verdict.value,
            "role": self.role.value,
            "interval": list(self.interval) if self.interval is not None else None,
            "e_harm": eprocess.value(self.log_harm),
            "e_health": eprocess.value(self.log_health),
        }
