"""Where a command stands: what is over stays so, and what is parked waits for a person."""

from enum import StrEnum
from typing import Final


class CommandState(StrEnum):
    PENDING = "pending"
    DISPATCHED = "dispatched"
    RUNNING = "running"
    RETRY_WAIT = "retry-wait"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"
    PARKED = "parked"


class ParkedKind(StrEnum):
    """Why a command waits for a person."""

    PERMANENT = "permanent"
    EXHAUSTED = "exhausted"
    POISON = "poison"
    NO_HANDLER = "no-handler"
    SCHEMA = "schema"
    PERIOD_CLOSED = "period-closed"


_S = CommandState
WAITING: Final = frozenset({_S.PENDING, _S.RETRY_WAIT})
LEASED: Final = frozenset({_S.DISPATCHED, _S.RUNNING})
OVER: Final = frozenset({_S.COMPLETED, _S.FAILED, _S.CANCELED, _S.EXPIRED})
ALLOWED: Final = {
    _S.PENDING: frozenset({_S.DISPATCHED, _S.EXPIRED, _S.PARKED, _S.CANCELED}),
    _S.RETRY_WAIT: frozenset({_S.DISPATCHED, _S.EXPIRED, _S.PARKED, _S.CANCELED}),
    _S.DISPATCHED: frozenset({_S.RUNNING, _S.PENDING, _S.CANCELED, _S.EXPIRED, _S.PARKED}),
    _S.RUNNING: frozenset({_S.COMPLETED, _S.FAILED, _S.RETRY_WAIT, _S.PENDING, _S.PARKED, _S.CANCELED}),
}
"""From a state that is not here nothing moves by itself."""
