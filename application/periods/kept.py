"""What the books of a tenant are kept by, as it is stored now."""

from typing import Any

from application.periods.places import calendar_of, years_of
from application.ports.calendars import LegalEntity, StoredCalendar
from application.ports.periods import EntityBooks
from application.ports.store import Transaction
from domain.bookkeeping import Bookkeeping, KeptCalendar, KeptYear
from domain.canonical import Json
from domain.periods import Scope

_AT_ONCE = 500
_NEWEST = 2**62


async def bookkeeping(tx: Transaction) -> Bookkeeping:
    """Read from what names others to what is named, which stays: everything that is named is there."""
    scopes = {each.code: _scope(each) for each in await tx.books.scopes()}
    books = {each.entity: _books(each, await calendar_of(tx, each)) for each in await tx.books.all()}
    kept = [await _calendar(tx, each) for each in await _calendars(tx)]
    entities = {each.code: _entity(each) for each in await _entities(tx)}
    return Bookkeeping(entities, {each.name: each for each in kept}, books, scopes)


async def _calendar(tx: Transaction, calendar: StoredCalendar) -> KeptCalendar:
    years = tuple(KeptYear(each.version, each.year) for each in await years_of(tx, calendar.id))
    versions = await tx.calendars.versions(calendar.id, _NEWEST, _AT_ONCE * 2)
    said = tuple(
        {"from_year": each.from_year, "rule": each.rule, "short_periods": each.short_periods}
        for each in reversed(versions)
    )
    return KeptCalendar(calendar.code, calendar.entity or None, said, years)


async def _calendars(tx: Transaction) -> list[StoredCalendar]:
    found: list[StoredCalendar] = []
    while some := await tx.calendars.page((found[-1].code, found[-1].entity) if found else ("", ""), _AT_ONCE):
        found += some
    return found


async def _entities(tx: Transaction) -> list[LegalEntity]:
    found: list[LegalEntity] = []
    while some := await tx.entities.page(found[-1].code if found else "", _AT_ONCE):
        found += some
    return found


def _entity(entity: LegalEntity) -> Json:
    return {name: value for name, value in vars(entity).items() if name != "version"}


def _books(books: EntityBooks, calendar: StoredCalendar) -> dict[str, Any]:
    return {
        "entity": books.entity,
        "calendar": {"code": calendar.code, "entity": calendar.entity or None},
        "late_entries": books.late_entries.value,
        "most_open": books.most_open,
        "opens_itself": books.opens_itself,
    }


def _scope(scope: Scope) -> dict[str, Any]:
    return {name: value for name, value in vars(scope).items() if name != "version"}
