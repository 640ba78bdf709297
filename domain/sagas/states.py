"""Where a process and each of its steps stand."""

from enum import StrEnum
from typing import Final


class SagaState(StrEnum):
    """WAITING_FOR_TSQ: until a person has decided about a parked command. COMPENSATED: what could be undone is."""

    STARTED = "started"
    WAITING_FOR_REPLY = "waiting-for-reply"
    WAITING_FOR_TSQ = "waiting-for-tsq"
    COMPENSATING = "compensating"
    COMPLETED = "completed"
    COMPENSATED = "compensated"
    COMPENSATION_FAILED = "compensation-failed"


class StepState(StrEnum):
    """From COMPLETED on it may be undone, if it can be."""

    WAITING = "waiting"
    SENT = "sent"
    PARKED = "parked"
    COMPLETED = "completed"
    FAILED = "failed"
    UNDOING = "undoing"
    UNDO_PARKED = "undo-parked"
    UNDONE = "undone"
    UNDO_FAILED = "undo-failed"


_S, _T = SagaState, StepState
OVER: Final = frozenset({_S.COMPLETED, _S.COMPENSATED, _S.COMPENSATION_FAILED})
AT_WORK: Final = frozenset(SagaState) - OVER
FORTH: Final = frozenset({_T.SENT, _T.PARKED})
BACK: Final = frozenset({_T.UNDOING, _T.UNDO_PARKED})
IN_FLIGHT: Final = FORTH | BACK
