"""A stage of retries is held to a rate of its own by the gates of rollouts, for what it replaces failed altogether."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from domain.gates import (
    Baseline,
    Counts,
    ErrorRateGate,
    FixForward,
    GateSpec,
    GateState,
    HardStop,
    Reading,
    StageClock,
    Verdict,
    judge,
)

_LEAST_RATE: Final = 1e-4
"""What a gate can be held to where nothing may fail; the literal rule is stricter there."""
_BEFORE: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Both readings of a stage are our own, so that any two instants do."""


@dataclass(frozen=True)
class StageCount:
    """Of the commands that a stage retried; `failed` are parked again or wait for another attempt.

    `same` are those of them whose error has the fingerprint that it had, `going` those that have not come anywhere.
    """

    retried: int
    failed: int = 0
    same: int = 0
    going: int = 0
    again: int = 0
    """Of those that failed, how many wait for another attempt."""


@dataclass(frozen=True)
class StageVerdict:
    """`proved`: so many went well that it is evidence; otherwise only the literal rule was kept."""

    passed: bool
    proved: bool
    sentence: str


def judged(count: StageCount, most_failed: float) -> StageVerdict:
    """Whether the next stage may begin: at most the share `most_failed` failed, which of a few commands is none."""
    allowed = math.floor(round(most_failed * count.retried, 9))
    rate = max(most_failed, _LEAST_RATE)
    spec = GateSpec(
        error_rate=ErrorRateGate(max_error_rate_abs=rate),
        min_requests=1,
        min_checks=1,
        hard_stop=HardStop((allowed + 0.5) / count.retried, min_requests=1),
        fix_forward=FixForward(rate),
    )
    before = GateState(last=Reading(_BEFORE, Counts(0, 0), None), baseline=Baseline(unhealthy=True))
    seen = Reading(_BEFORE + timedelta(seconds=1), Counts(count.retried, count.failed), None)
    clock = StageClock(0, 1.0, 0.0, max_soak_reached=True, control_expected=False)
    verdict = judge(spec, before, seen, clock).verdict
    return StageVerdict(verdict is not Verdict.FAIL, verdict is Verdict.PASS, _sentence(count, allowed))


def _sentence(count: StageCount, allowed: int) -> str:
    same = f", {count.same} of them with the same error" if count.failed else ""
    return f"{count.failed} of {count.retried} failed again{same}; at most {allowed} may"
