"""A rollout is where a submitted change stands; its transitions are its history."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.changes import Kind
from domain.environments import Environment
from domain.errors import Conflict
from domain.gates import Verdict
from domain.rollouts.machine import TERMINAL, Phase, State
from domain.rollouts.plan import Plan, Strategy

PAUSED_BY_OPERATOR = "pause_by_operator"


@dataclass(frozen=True)
class Rollout:
    """`live_version` is the target's version that this rollout wrote last: whoever writes next must find it there.

    `stages` is how many steps it has, known since PREFLIGHT; `watched`, whether its change has gates; `emergency`,
    the incident for which it went past its approval; `priority`, 1 of a way back and 2 of an emergency.
    """

    id: UUID
    tenant: UUID
    environment: Environment
    key: str
    change: UUID
    digest: str
    requester: UUID
    plan: Plan
    state: State
    created_at: datetime
    base_version: int
    live_version: int
    stage: int | None = None
    phase: Phase | None = None
    cause: str | None = None
    verdict: Verdict | None = None
    revision: int = 1
    started: bool = False
    kind: Kind = Kind.FLAG
    stages: int | None = None
    superseded_by: UUID | None = None
    emergency: str | None = None
    priority: int = 0
    reverts: UUID | None = None
    ended_at: datetime | None = None
    watched: bool = False

    @property
    def workflow_id(self) -> str:
        return f"rollout/{self.id}"

    @property
    def terminal(self) -> bool:
        return self.state in TERMINAL

    @property
    def paused_by_operator(self) -> bool:
        """A hold that only a person ends, or its time; no verdict does."""
        return self.state is State.PAUSED and self.cause == PAUSED_BY_OPERATOR

    @property
    def percent(self) -> float:
        """How many per cent of its audience the plan exposes now; none before this rollout has written anything."""
        if self.stage is None or self.live_version == self.base_version:
            return 0.0
        if self.state in {State.ROLLED_BACK, State.SUPERSEDED, State.CANCELLED}:
            return 0.0
        unfinished = self.plan.strategy is Strategy.ROLLING and self.phase is Phase.APPLYING
        return self.plan.percent(self.stage - unfinished, self.stages)


@dataclass(frozen=True)
class Transition:
    """One line of the timeline; `step` names it once and for all, so that doing it twice is doing it once."""

    rollout: UUID
    seq: int
    step: str
    from_state: State | None
    to_state: State
    cause: str
    at: datetime
    actor: UUID | None = None
    stage: int | None = None
    percent: float = 0.0
    reason: str | None = None


class GateNotPassed(Conflict):
    """The gate of this stage has not passed; it cannot be promoted now."""

    kind = "stage-gate-not-passed"


class NotRunning(Conflict):
    """The rollout is not in a state in which this can be done."""

    kind = "not-running"


class StaleGeneration(Conflict):
    """Somebody else wrote the target since; this write is refused."""

    kind = "stale-generation"
