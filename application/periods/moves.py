"""What people may do to a gate: from where, to where, and what is told of it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.audit import Action
from domain.events import EventType
from domain.people import Permission
from domain.periods import (
    PeriodClosed,
    PeriodGate,
    PeriodLocked,
    PeriodName,
    PeriodPending,
    Posting,
    Status,
    facts,
)


class GateVerb(StrEnum):
    """`unlock` lets transactions in again where a period was closed softly or frozen; nothing undoes `lock`."""

    OPEN = "open"
    SOFT_CLOSE = "soft-close"
    FREEZE = "freeze"
    UNLOCK = "unlock"
    LOCK = "lock"


@dataclass(frozen=True)
class Move:
    starts: frozenset[Status]
    goal: tuple[Status, Posting]
    step: Callable[[PeriodGate, UUID | None, datetime, str], PeriodGate]
    action: Action
    event: EventType
    needs: Permission = Permission.PERIODS_MANAGE

    def there(self, gate: PeriodGate) -> bool:
        """Nothing is left to do."""
        return (gate.status, gate.posting) == self.goal

    def check(self, gate: PeriodGate, period: PeriodName) -> None:
        """PeriodPending, PeriodClosed or PeriodLocked where it does not begin."""
        if gate.status not in self.starts:
            raise _SHUT[gate.status](**facts(gate, period))


def takes_all(gate: PeriodGate) -> bool:
    return (gate.status, gate.posting) == _TAKES_ALL


_SHUT = {Status.PENDING: PeriodPending, Status.CLOSED: PeriodClosed, Status.LOCKED: PeriodLocked}
_TAKES_ALL = (Status.OPEN, Posting.ALL)
_OPEN = frozenset({Status.OPEN})
MOVES = {
    GateVerb.OPEN: Move(
        frozenset({Status.PENDING, Status.OPEN}), _TAKES_ALL, PeriodGate.opened, Action.GATE_OPENED,
        EventType.FISCAL_PERIOD_OPENED,
    ),
    GateVerb.SOFT_CLOSE: Move(
        _OPEN, (Status.OPEN, Posting.ADJUST_ONLY), PeriodGate.soft_closed, Action.GATE_SOFT_CLOSED,
        EventType.FISCAL_PERIOD_SOFT_CLOSED,
    ),
    GateVerb.FREEZE: Move(
        _OPEN, (Status.OPEN, Posting.NONE), PeriodGate.frozen, Action.GATE_FROZEN, EventType.FISCAL_PERIOD_FROZEN
    ),
    GateVerb.UNLOCK: Move(_OPEN, _TAKES_ALL, PeriodGate.opened, Action.GATE_UNLOCKED, EventType.FISCAL_PERIOD_OPENED),
    GateVerb.LOCK: Move(
        frozenset({Status.CLOSED}), (Status.LOCKED, Posting.NONE), PeriodGate.locked, Action.GATE_LOCKED,
        EventType.FISCAL_PERIOD_LOCKED, Permission.PERIODS_CLOSE,
    ),
}  # fmt: skip
