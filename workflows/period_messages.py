"""What is said to the close of a period and by it: ids and small facts, never what was booked."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from application.closures.stand import Stand
    from domain.closures.states import Mode, RunState
    from domain.closures.windows import ReopeningState

BALANCE_CHANGED = "balance_changed"
"""The signal that says that something was posted beneath a sign-off."""
FENCE_ACKNOWLEDGED = "fence_acknowledged"
"""The signal that says that a module in another database has taken its gate over, or was left out."""
RECONCILIATION_SIGNED_OFF = "reconciliation_signed_off"
"""The signal that says that a reconciliation was certified."""
LOOK = "look"
"""The signal that says that the database has moved a reopening on."""


@dataclass(frozen=True)
class Kept:
    """What a new run of the same close needs to go on where the last one stood.

    `attempts` is how often modules were asked; `again`: the books are to be checked once the tasks are done.
    """

    stand: Stand
    steps: int
    reminded: datetime
    attempts: int = 0
    again: bool = False


@dataclass(frozen=True)
class ClosureRequest:
    """A run of more than `most_events` goes on in a new one; with 0, only when Temporal suggests it."""

    tenant: UUID
    run: UUID
    entity: str
    period: str
    mode: Mode
    attempt: int
    kept: Kept | None = None
    most_events: int = 0


@dataclass(frozen=True)
class ClosureResult:
    state: RunState
    why: str


@dataclass(frozen=True)
class ClosureProof:
    """The signed assertion decides; the rest only lets a hopeless act be refused before it is tried."""

    assertion: str
    run: UUID | None = None
    actor: UUID | None = None
    task: str | None = None


@dataclass(frozen=True)
class ReopenRequest:
    tenant: UUID
    reopening: UUID
    entity: str
    period: str


@dataclass(frozen=True)
class ReopenResult:
    state: ReopeningState
    why: str
