"""What a close says no to."""

from domain.errors import Conflict, Forbidden, Invalid


class RunOver(Conflict):
    """This close is over; what it closed is only reopened."""

    kind = "closure-over"


class WrongRunState(Conflict):
    """The close does not stand where this can be done."""

    kind = "wrong-closure-state"


class SnapshotMoved(Conflict):
    """The books are no longer what was checked and approved."""

    kind = "snapshot-moved"


class SodViolation(Forbidden):
    """One person may not do both: who prepares does not review, and who asks or prepares does not waive or approve."""

    kind = "sod-violation"


class NotTheirTask(Forbidden):
    """This task is for somebody else."""

    kind = "not-your-task"


class NotByHand(Conflict):
    """This task is done by the close itself."""

    kind = "task-not-by-hand"


class TaskBlocked(Conflict):
    """Tasks that come before this one are not done."""

    kind = "task-blocked"


class WrongTaskState(Conflict):
    """The task does not stand where this can be done."""

    kind = "wrong-task-state"


class EvidenceMissing(Conflict):
    """This task is done with evidence, and none is attached."""

    kind = "evidence-missing"


class EvidenceAltered(Conflict):
    """These are not the bytes that were attached."""

    kind = "evidence-altered"


class EvidenceRetained(Forbidden):
    """Evidence is kept until its time is over."""

    kind = "evidence-retained"


class DependencyCycle(Invalid):
    """Tasks wait for each other in a circle."""

    kind = "dependency-cycle"


class NotWaivable(Conflict):
    """A critical check cannot be waived."""

    kind = "check-not-waivable"


class CheckHolds(Conflict):
    """This check does not fail: there is nothing to waive or to acknowledge."""

    kind = "check-holds"


class SubledgersOpen(Conflict):
    """The general ledger closes after every sub-ledger."""

    kind = "subledgers-open"


class EarliestOpen(Conflict):
    """An earlier period is not closed."""

    kind = "earliest-open"


class YearOpen(Conflict):
    """A year is closed and locked as a whole: periods of it are not closed."""

    kind = "fiscal-year-open"


class LaterClosed(Conflict):
    """Later periods are closed: they are reopened first."""

    kind = "later-periods-closed"


class CascadeUnconfirmed(Conflict):
    """Later periods would be reopened, too: confirm it."""

    kind = "cascade-unconfirmed"


class ReopeningRunning(Conflict):
    """This period is being reopened already."""

    kind = "period-reopening"


class ReopeningOver(Conflict):
    """The reopening does not stand where this can be done."""

    kind = "wrong-reopening-state"


class WindowMissed(Conflict):
    """The window had ended before it was approved."""

    kind = "window-missed"


class SeriesOver(Conflict):
    """This series of closes is over."""

    kind = "closure-series-over"


class WrongSeriesState(Conflict):
    """The series of closes does not stand where this can be done."""

    kind = "wrong-closure-series-state"


class ChainBroken(Conflict):
    """This certificate does not continue the one before it."""

    kind = "certificate-chain-broken"


class FinancialChangeHeld(Conflict):
    """A financial change waits until the close of the period releases it."""

    kind = "financial-change-held"
