"""What a verdict means for a running stage: wait, rise, hold or go back. No clock is read here; `now` is given."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from domain.gates import Verdict
from domain.rollouts.plan import DeadlineAction, Plan, RollbackScope

LONGEST_FREEZE = timedelta(days=90)
"""A freeze ends by then at the latest."""


class Decision(StrEnum):
    WAIT = "wait"
    ADVANCE = "advance"
    HOLD = "hold"
    RELEASE = "release"
    ROLL_BACK = "roll_back"


class HoldReason(StrEnum):
    OPERATOR = "operator"
    MANUAL_GATE = "manual_gate"
    INCONCLUSIVE = "inconclusive"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    NO_DATA = "no_data"
    SIGNAL = "signal"
    SRM = "srm"
    NOT_CONVERGED = "not_converged"
    BATCH_FAILED = "batch_failed"
    FROZEN = "frozen"

    @property
    def blind(self) -> bool:
        """A hold that ends by itself when counts arrive again."""
        return self in {HoldReason.PROVIDER_UNAVAILABLE, HoldReason.NO_DATA}

    @property
    def asked_by_gate(self) -> bool:
        """A hold that the check asked for, and that ends by itself when it no longer does."""
        return self in {HoldReason.SIGNAL, HoldReason.SRM, HoldReason.FROZEN}

    @property
    def released_by(self) -> str:
        """What the timeline says when it ends by itself."""
        return _RECOVERED.get(self, "counts_are_back")


_UNTIL_TOLD = {HoldReason.OPERATOR, HoldReason.MANUAL_GATE, HoldReason.NOT_CONVERGED, HoldReason.BATCH_FAILED}
"""No verdict ends these."""

_RECOVERED = {
    HoldReason.SIGNAL: "signal_recovered",
    HoldReason.SRM: "ratio_recovered",
    HoldReason.NOT_CONVERGED: "converged",
    HoldReason.FROZEN: "freeze_is_over",
}


@dataclass(frozen=True)
class Timing:
    """The outcome of one check: `silent` means that the control had traffic and the candidate had none.

    `hold` is what it is to be held for although nothing failed: "signal", "srm", "frozen" or nothing.
    """

    verdict: Verdict
    now: datetime
    silent: bool = False
    hold: str = ""


@dataclass(frozen=True)
class Progress:
    """What is remembered about the stage that runs; small enough to be carried across continue-as-new.

    `unanswered` is how long the provider has not answered in the whole rollout, without the present outage, which
    began at `unanswered_since`.
    """

    stage: int
    started_at: datetime
    checks: int = 0
    verdict: Verdict | None = None
    blind_since: datetime | None = None
    silent_since: datetime | None = None
    hold: HoldReason | None = None
    held_since: datetime | None = None
    unanswered: timedelta = timedelta(0)
    unanswered_since: datetime | None = None

    def next(self, stage: int, now: datetime) -> "Progress":
        """The next stage begins; how long nothing was seen is counted over all of them."""
        return Progress(stage, now, unanswered=self.unanswered, unanswered_since=self.unanswered_since)

    def begun(self, now: datetime) -> "Progress":
        """Its soak begins now: until now it had not arrived everywhere."""
        return replace(self, started_at=now)

    def held(self, reason: HoldReason, now: datetime) -> "Progress":
        return replace(self, hold=reason, held_since=now)

    def released(self) -> "Progress":
        return replace(self, hold=None, held_since=None)


@dataclass(frozen=True)
class Outcome:
    """The progress after the check, the decision, and why, in a word for the timeline."""

    progress: Progress
    decision: Decision
    cause: str


def decide(plan: Plan, progress: Progress, timing: Timing) -> Outcome:
    """Exposure rises only on PASS (I1), and never while held (I2); every hold has an end (I8)."""
    seen = _observed(progress, timing)
    if timing.verdict is Verdict.FAIL:
        return _failed(plan, seen, timing.now)
    if timing.verdict in {Verdict.NO_DATA, Verdict.PROVIDER_ERROR}:
        return _blind(plan, seen, timing)
    lapse = lapsed(plan, seen, timing.now)
    if lapse is not None:
        return _kept_back(lapse, timing) if timing.hold else lapse
    if seen.hold in _UNTIL_TOLD:
        return Outcome(seen, Decision.WAIT, seen.hold.value)
    if timing.hold:
        return _asked_to_hold(seen, timing)
    if seen.hold is not None and (seen.hold.blind or seen.hold.asked_by_gate):
        return Outcome(seen.released(), Decision.RELEASE, seen.hold.released_by)
    if timing.verdict is Verdict.PASS:
        return _passed(plan, seen, timing.now)
    if timing.verdict is Verdict.INCONCLUSIVE:
        return _inconclusive(plan, seen, timing.now)
    return Outcome(seen, Decision.WAIT, "more_evidence_needed")


def lapsed(plan: Plan, progress: Progress, now: datetime) -> Outcome | None:
    """The end of a hold whose time is up, or None."""
    if progress.hold is None or progress.held_since is None:
        return None
    limit, action = _limit(plan, progress.hold)
    if now - progress.held_since < limit:
        return None
    if action is DeadlineAction.ROLLBACK:
        return Outcome(progress, Decision.ROLL_BACK, f"{progress.hold.value}_deadline")
    if action is DeadlineAction.ADVANCE:
        return Outcome(progress.released(), Decision.ADVANCE, f"{progress.hold.value}_deadline")
    return None


def next_deadline(plan: Plan, progress: Progress) -> datetime | None:
    if progress.hold is None or progress.held_since is None:
        return None
    return progress.held_since + _limit(plan, progress.hold)[0]


def _limit(plan: Plan, hold: HoldReason) -> tuple[timedelta, DeadlineAction]:
    match hold:
        case HoldReason.OPERATOR:
            return plan.pause_limit, DeadlineAction.ROLLBACK
        case HoldReason.MANUAL_GATE:
            return plan.manual_deadline, plan.on_manual_deadline
        case HoldReason.INCONCLUSIVE:
            return plan.hold_limit, plan.on_inconclusive
        case HoldReason.PROVIDER_UNAVAILABLE:
            return plan.blind_limit, DeadlineAction.ROLLBACK
        case HoldReason.FROZEN:
            return LONGEST_FREEZE, DeadlineAction.ROLLBACK
        case _:
            return plan.hold_limit, DeadlineAction.ROLLBACK


def _observed(progress: Progress, timing: Timing) -> Progress:
    blind = timing.verdict in {Verdict.NO_DATA, Verdict.PROVIDER_ERROR}
    unanswered, since = progress.unanswered, progress.unanswered_since
    if timing.verdict is Verdict.PROVIDER_ERROR:
        since = since or timing.now
    elif since is not None:
        unanswered, since = unanswered + (timing.now - since), None
    return replace(
        progress,
        checks=progress.checks + 1,
        verdict=timing.verdict,
        blind_since=(progress.blind_since or timing.now) if blind else None,
        silent_since=(progress.silent_since or timing.now) if timing.silent else None,
        unanswered=unanswered,
        unanswered_since=since,
    )


def _failed(plan: Plan, seen: Progress, now: datetime) -> Outcome:
    """It goes back; what only analyses, or leaves a failed batch as it is, is held for a person until its time ends."""
    stays = plan.batches is not None and plan.batches.rollback is not RollbackScope.ALL
    if not (stays or plan.stage(seen.stage).analysis_only):
        return Outcome(seen, Decision.ROLL_BACK, "gate_failed")
    if seen.hold is not None and lapsed(plan, seen, now) is not None:
        return Outcome(seen, Decision.ROLL_BACK, f"{seen.hold.value}_deadline")
    reason, cause = HoldReason.INCONCLUSIVE, "dry_run_failed"
    if stays:
        reason, cause = HoldReason.BATCH_FAILED, HoldReason.BATCH_FAILED.value
    if seen.hold is None:
        return Outcome(seen.held(reason, now), Decision.HOLD, cause)
    return Outcome(seen, Decision.WAIT, cause)


def _kept_back(lapse: Outcome, timing: Timing) -> Outcome:
    """What would advance because its time is up does not while the gate asks to be held."""
    if lapse.decision is not Decision.ADVANCE:
        return lapse
    return Outcome(lapse.progress.held(HoldReason(timing.hold), timing.now), Decision.HOLD, timing.hold)


def _asked_to_hold(seen: Progress, timing: Timing) -> Outcome:
    """Exposure stays where it is; what began the hold is kept, so that another reason does not prolong it."""
    reason = HoldReason(timing.hold)
    if seen.hold is not None and not seen.hold.blind:
        return Outcome(seen, Decision.WAIT, reason.value)
    return Outcome(seen.held(reason, timing.now), Decision.HOLD, reason.value)


def _blind(plan: Plan, seen: Progress, timing: Timing) -> Outcome:
    since = seen.blind_since or timing.now
    if seen.silent_since is not None and timing.now - seen.silent_since >= plan.silent_limit:
        return Outcome(seen, Decision.ROLL_BACK, "candidate_without_traffic")
    provider = timing.verdict is Verdict.PROVIDER_ERROR
    limit = plan.blind_limit if provider else plan.hold_limit
    if timing.now - since >= limit:
        return Outcome(seen, Decision.ROLL_BACK, "blind_budget")
    if _unanswered(seen, timing.now) >= plan.blind_budget and provider:
        return Outcome(seen, Decision.ROLL_BACK, "blind_budget")
    lapse = lapsed(plan, seen, timing.now)
    if lapse is not None and lapse.decision is Decision.ROLL_BACK:
        return lapse
    if seen.hold is None and timing.now - since >= plan.blind_grace:
        reason = HoldReason.PROVIDER_UNAVAILABLE if provider else HoldReason.NO_DATA
        return Outcome(seen.held(reason, timing.now), Decision.HOLD, reason.value)
    return Outcome(seen, Decision.WAIT, timing.verdict.value.lower())


def _unanswered(seen: Progress, now: datetime) -> timedelta:
    """In the whole rollout, the present outage included."""
    present = now - seen.unanswered_since if seen.unanswered_since is not None else timedelta(0)
    return seen.unanswered + present


def _passed(plan: Plan, seen: Progress, now: datetime) -> Outcome:
    if plan.stage(seen.stage).manual:
        return Outcome(seen.held(HoldReason.MANUAL_GATE, now), Decision.HOLD, HoldReason.MANUAL_GATE.value)
    return Outcome(seen.released(), Decision.ADVANCE, "gate_passed")


def _inconclusive(plan: Plan, seen: Progress, now: datetime) -> Outcome:
    if plan.on_inconclusive is DeadlineAction.ADVANCE:
        return Outcome(seen.released(), Decision.ADVANCE, "inconclusive_advances")
    if seen.hold is HoldReason.INCONCLUSIVE:
        return Outcome(seen, Decision.WAIT, HoldReason.INCONCLUSIVE.value)
    return Outcome(seen.held(HoldReason.INCONCLUSIVE, now), Decision.HOLD, HoldReason.INCONCLUSIVE.value)
