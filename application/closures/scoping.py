"""What is closed is open: the scopes that are named, or all that are open in the period."""

from application.closures.gates import check_open
from application.periods.places import PeriodPlace, scopes_called
from application.ports.store import Transaction
from domain.periods import PeriodGate, Status


async def closing_scopes(tx: Transaction, place: PeriodPlace, named: tuple[str, ...] | None) -> tuple[str, ...]:
    """Raises ScopeMissing, or PeriodPending, PeriodClosed and PeriodLocked for what cannot be closed."""
    codes = [scope.code for scope in await scopes_called(tx, named or ())]
    known = {gate.key.scope: gate for gate in await tx.periods.gates(place.entity.code, [place.id])}
    gates = {place.key(code): known.get(code, PeriodGate.pending(place.key(code))) for code in codes}
    if named is None:
        open_ = {key: gate for key, gate in gates.items() if gate.status is Status.OPEN}
        gates = open_ or gates
    check_open(gates, place)
    return tuple(key.scope for key in sorted(gates))
