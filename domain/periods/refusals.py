"""What the guard of postings says no to."""

from typing import Any

from domain.errors import Conflict, Forbidden, Invalid, Missing


class _OfPeriod:
    """Its sentence has the name of the period where the class says 'X'."""

    facts: dict[str, Any]

    def __str__(self) -> str:
        sentence = (type(self).__doc__ or "").strip()
        period = self.facts.get("period")
        return sentence.replace("'X'", f"'{period['name']}'") if period else sentence


class PeriodClosed(_OfPeriod, Conflict):
    """Period 'X' is closed and cannot be modified."""

    kind = "period-closed"


class PeriodLocked(_OfPeriod, Conflict):
    """Period 'X' is locked for good."""

    kind = "period-locked"


class PeriodPending(_OfPeriod, Conflict):
    """Period 'X' is not open yet."""

    kind = "period-pending"


class AdjustmentsOnly(_OfPeriod, Conflict):
    """Period 'X' is locked."""

    kind = "adjustments-only"


class NotAdjustable(_OfPeriod, Conflict):
    """Period 'X' is locked and does not allow adjustments."""

    kind = "not-adjustable"


class AdjustmentForbidden(_OfPeriod, Forbidden):
    """Period 'X' takes adjustments only from people who may make them."""

    kind = "adjustment-forbidden"


class RunTokenMissing(_OfPeriod, Conflict):
    """Closing entries of period 'X' are posted by the close itself."""

    kind = "run-token-missing"


class TransitionRefused(Conflict):
    """This gate cannot go there from where it stands."""

    kind = "gate-transition"


class StaleEpoch(Conflict):
    """The gate has moved since."""

    kind = "stale-epoch"


class BooksMissing(Missing):
    """This entity has no books: nobody said by which calendar it posts."""

    kind = "books-missing"


class BooksInUse(Conflict):
    """Gates of these books were opened: they stay with their calendar."""

    kind = "books-in-use"


class ScopeMissing(Missing):
    """This tenant has no such scope of postings."""

    kind = "scope-missing"


class TenantNotBound(Missing):
    """The tenant that asks is not the tenant whose books they are."""

    kind = "tenant-not-bound"


class UnknownOperation(Invalid):
    """A posting is a transaction, an adjustment, a closing entry or a report."""

    kind = "unknown-operation"


class PostingIncomplete(Invalid):
    """A posting says whose books, which scope, what, on which day and by whom."""

    kind = "posting-incomplete"


class CloserIsolation(RuntimeError):
    """Gates move at READ COMMITTED only: a snapshot from before the lock would miss what was posted until then."""


class GateNotHeld(RuntimeError):
    """Whoever moves a gate holds its lock."""
