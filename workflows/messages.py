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
    """What a new run of the same rollout needs to go on where the last one stood."""

    state: State
    progress: Progress
    next_check: datetime
    checks: int
    steps: int
    sentence: str = ""
    baking_until: datetime | None = None
    back: str | None = None
    """Why it goes nowhere but back: its last run was ended from outside."""


@dataclass(frozen=True)
class RolloutRequest:
    """Ids and timings only; the content of the change stays in the database."""

    tenant: UUID
    rollout: UUID
    environment: Environment
    key: str
    plan: Plan
    approval: ApprovalRequest
    resumed: Resumed | None = None


@dataclass(frozen=True)
class RolloutResult:
    state: State
    cause: str


@dataclass(frozen=True)
class Proof:
    """A signed assertion that a person did this through the API."""

    assertion: str
