"""Whether an operation may enter a period, as a table of the gate's status, its posting rule and who asks."""

from domain.errors import Refusal
from domain.periods.exceptions import EXCEPTABLE
from domain.periods.gate import PeriodGate, PeriodName
from domain.periods.refusals import (
    AdjustmentForbidden,
    AdjustmentsOnly,
    NotAdjustable,
    PeriodClosed,
    PeriodLocked,
    PeriodPending,
    RunTokenMissing,
)
from domain.periods.status import Operation, Posting, Status


def check(  # noqa: PLR0913 -- all that the table depends on
    gate: PeriodGate,
    period: PeriodName,
    operation: Operation,
    *,
    may_adjust: bool,
    excepted: bool,
    run_token: bool,
    shut: bool = False,
) -> None:
    """Raises what `refusal` gives unless an exception holds where one counts."""
    refused = refusal(gate, operation, may_adjust=may_adjust, run_token=run_token, shut=shut)
    if refused is None or (excepted and exception_counts(gate, operation)):
        return
    raise refused(**facts(gate, period))


def refusal(
    gate: PeriodGate, operation: Operation, *, may_adjust: bool, run_token: bool, shut: bool = False
) -> type[Refusal] | None:
    """Why it may not enter without an exception; None where it may.

    `shut`: the window in which a closed gate was reopened is over, however the gate stands.
    """
    if operation is Operation.REPORTING:
        return None
    unopen = {Status.PENDING: PeriodPending, Status.CLOSED: PeriodClosed, Status.LOCKED: PeriodLocked}.get(gate.status)
    if unopen is not None:
        return unopen
    if operation is Operation.CLOSING:
        return None if run_token else RunTokenMissing
    if shut or gate.posting is Posting.NONE:
        return NotAdjustable
    if gate.posting is Posting.ALL:
        return None
    if operation is Operation.TRANSACTION:
        return AdjustmentsOnly
    return None if may_adjust else AdjustmentForbidden


def exception_counts(gate: PeriodGate, operation: Operation) -> bool:
    """Never where a gate was not opened yet or is locked for good."""
    return operation in EXCEPTABLE and gate.status in (Status.OPEN, Status.CLOSED)


def facts(gate: PeriodGate, period: PeriodName) -> dict[str, object]:
    """What a refusal says of the gate."""
    return {
        "entity": gate.key.entity,
        "scope": gate.key.scope,
        "period": period.to_json(),
        "gate": gate.status.value,
        "posting": gate.posting.value,
        "epoch": gate.epoch,
    }
