"""What is said to a rollout and by it: ids and small facts, never the content of a change."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.environments import Environment
    from domain.rollouts import Plan, Progress, State
    from workflows.approval import ApprovalRequest


@dataclass(frozen=True)
class Resumed:
    """What a new run of the same rollout needs to go on where the last one stood.

    `opened_at` is when its approval was asked for, and `stages` is how many there are; a stage that was exposed at
    `converging_since` may not have arrived everywhere. `incomplete`: it waits for an operator, who was called before.
    """

    state: State
    progress: Progress
    next_check: datetime
    checks: int
    steps: int
    sentence: str = ""
    baking_until: datetime | None = None
    back: str | None = None
    """Why it goes nowhere but back: its last run was ended from outside."""
    opened_at: datetime | None = None
    stages: int | None = None
    converging_since: datetime | None = None
    incomplete: bool = False


@dataclass(frozen=True)
class RolloutRequest:
    """Ids and timings only; the content of the change stays in the database.

    `watched`: its change has gates. `emergency`: nothing is waited for but what its content needs. A run of more than
    `most_events` goes on in a new one; with 0, only when Temporal suggests it.
    """

    tenant: UUID
    rollout: UUID
    environment: Environment
    key: str
    plan: Plan
    approval: ApprovalRequest
    resumed: Resumed | None = None
    watched: bool = False
    emergency: bool = False
    most_events: int = 0


@dataclass(frozen=True)
class RolloutResult:
    state: State
    cause: str


@dataclass(frozen=True)
class Proof:
    """A signed assertion that a person did this through the API."""

    assertion: str
