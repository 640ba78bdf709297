"""What stands before a period in the books of its entity, and so must be closed before it."""

from collections.abc import Collection, Sequence

from application.periods.places import PeriodPlace, years_of
from application.ports.store import Transaction
from domain.calendars import PeriodKind
from domain.closures import PeriodStatus, earliest_open
from domain.periods import Scope, Status

_FIRM = (Status.PENDING, Status.OPEN, Status.CLOSED, Status.LOCKED)


async def earlier_open(tx: Transaction, place: PeriodPlace, scopes: Collection[Scope]) -> dict[str, str]:
    """By sequential scope, the code of the first period before this one that is in its way."""
    found = {}
    for scope in scopes:
        if scope.sequential:
            period = earliest_open(await before(tx, place, scope.code))
            if period is not None:
                found[scope.code] = period
    return found


async def before(tx: Transaction, place: PeriodPlace, scope: str) -> list[PeriodStatus]:
    """In their order. An adjusting period that nobody opened is in nobody's way."""
    every = [(each, at) for each, at in await _every(tx, place, scope) if each.period.begins <= place.period.begins]
    codes = [each.code for each, _ in every]
    ahead = every[: codes.index(place.code)]
    return [
        PeriodStatus(each.code, status)
        for each, status in ahead
        if each.period.kind is PeriodKind.STANDARD or status is not Status.PENDING
    ]


async def after(tx: Transaction, place: PeriodPlace, scopes: Collection[str]) -> list[PeriodStatus]:
    """In their order; one is as shut as the scope of these that is shut most firmly there."""
    found: dict[str, Status] = {}
    for scope in scopes:
        every = await _every(tx, place, scope)
        codes = [each.code for each, _ in every]
        for each, status in every[codes.index(place.code) + 1 :]:
            found[each.code] = max(found.get(each.code, status), status, key=_FIRM.index)
    return [PeriodStatus(code, status) for code, status in found.items()]


async def of_year(tx: Transaction, place: PeriodPlace, scope: str) -> list[PeriodStatus]:
    """Every period of the year, standard and adjusting."""
    every = await _every(tx, place, scope)
    return [PeriodStatus(each.code, status) for each, status in every if each.year.id == place.year.id]


async def _every(tx: Transaction, place: PeriodPlace, scope: str) -> Sequence[tuple[PeriodPlace, Status]]:
    places = [
        PeriodPlace(place.entity, place.books, place.calendar, year, period, id_)
        for year in await years_of(tx, place.calendar.id)
        for id_, period in zip(year.periods, year.year.periods, strict=True)
    ]
    gates = await tx.periods.gates(place.entity.code, [each.id for each in places])
    known = {gate.key.period: gate.status for gate in gates if gate.key.scope == scope}
    return [(each, known.get(each.id, Status.PENDING)) for each in places]
