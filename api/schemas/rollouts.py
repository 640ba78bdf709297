"""Rollouts, their timelines and their evidence on the wire."""

from datetime import datetime
from uuid import UUID

from api.schemas.changes import ChangeOut
from api.schemas.common import Object, Out
from application.ports.records import Check
from application.submission import Submitted
from domain.approvals import Standing
from domain.environments import Environment
from domain.gates import Verdict
from domain.rollouts import Phase, Rollout, State, Transition, waits_until


class RolloutOut(Out):
    """`stage` is an index into the plan's stages; `percent` is how many subjects the plan exposes now.

    `waits_until` is the moment of its plan while it waits for that; null while it waits for anything else.
    """

    id: UUID
    workflow_id: str
    environment: Environment
    key: str
    digest: str
    requester: UUID
    plan: Object
    state: State
    phase: Phase | None
    stage: int | None
    percent: float
    cause: str | None
    waits_until: datetime | None
    verdict: Verdict | None
    ended: bool
    base_version: int
    live_version: int
    revision: int
    created_at: datetime

    @classmethod
    def of(cls, rollout: Rollout) -> "RolloutOut":
        return cls(
            id=rollout.id,
            workflow_id=rollout.workflow_id,
            environment=rollout.environment,
            key=rollout.key,
            digest=rollout.digest,
            requester=rollout.requester,
            plan=rollout.plan.to_json(),
            state=rollout.state,
            phase=rollout.phase,
            stage=rollout.stage,
            percent=rollout.percent,
            cause=rollout.cause,
            waits_until=waits_until(rollout.plan, rollout.state, rollout.cause),
            verdict=rollout.verdict,
            ended=rollout.terminal,
            base_version=rollout.base_version,
            live_version=rollout.live_version,
            revision=rollout.revision,
            created_at=rollout.created_at,
        )


class RolloutPage(Out):
    items: list[RolloutOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[Rollout], str | None]) -> "RolloutPage":
        return cls(items=[RolloutOut.of(rollout) for rollout in page[0]], next_cursor=page[1])


class TransitionOut(Out):
    """`until` is when the wait that began with it is over by itself, where it waits for the moment of its plan."""

    seq: int
    step: str
    from_state: State | None
    to_state: State
    cause: str
    at: datetime
    actor: UUID | None
    stage: int | None
    percent: float
    reason: str | None
    until: datetime | None

    @classmethod
    def of(cls, line: Transition, rollout: Rollout) -> "TransitionOut":
        return cls(
            seq=line.seq, step=line.step, from_state=line.from_state, to_state=line.to_state, cause=line.cause,
            at=line.at, actor=line.actor, stage=line.stage, percent=line.percent, reason=line.reason,
            until=waits_until(rollout.plan, line.to_state, line.cause),
        )  # fmt: skip


class TimelineOut(Out):
    items: list[TransitionOut]

    @classmethod
    def of(cls, rollout: Rollout, lines: list[Transition]) -> "TimelineOut":
        return cls(items=[TransitionOut.of(line, rollout) for line in lines])


class CheckOut(Out):
    """`record` holds the inputs, the parameters and the evidence from which the verdict follows again."""

    number: int
    stage: int
    verdict: Verdict
    sentence: str
    judged_at: datetime
    record: Object

    @classmethod
    def of(cls, check: Check) -> "CheckOut":
        return cls(
            number=check.number, stage=check.stage, verdict=check.verdict, sentence=check.sentence,
            judged_at=check.judged_at, record=check.record,
        )  # fmt: skip


class EvidenceOut(Out):
    items: list[CheckOut]

    @classmethod
    def of(cls, checks: list[Check]) -> "EvidenceOut":
        return cls(items=[CheckOut.of(check) for check in checks])


class SubmittedOut(Out):
    """`approval` has the id of the change, and so has the rollout.

    What it is `confounded_with` is under way and judged by the same metrics: neither tells which of them did it.
    """

    change: ChangeOut
    rollout: RolloutOut
    approval: UUID
    standing: Standing
    levels: int
    confounded_with: list[UUID]

    @classmethod
    def of(cls, submitted: Submitted) -> "SubmittedOut":
        approval = submitted.approval
        return cls(
            change=ChangeOut.of(submitted.change), rollout=RolloutOut.of(submitted.rollout), approval=approval.id,
            standing=approval.standing, levels=len(approval.policy.levels),
            confounded_with=list(submitted.confounded),
        )  # fmt: skip


class PreviewOut(Out):
    """`token` is the value of the header `Changegate-Preview` until it expires."""

    token: str
    expires_at: datetime
