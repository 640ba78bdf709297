"""Bookkeeping is written after what it names, each thing with its event, as if it had been written by itself."""

from collections.abc import Sequence
from dataclasses import replace

from application.calendars.making import add_years, check_planned
from application.calendars.places import Place, calendar_at
from application.calendars.rulings import Ruling, check_years, write_calendar
from application.calendars.subject import version_of
from application.periods.bookkeeping import check_calendar, write_books
from application.ports.calendars import WHOLE, LegalEntity, StoredCalendar
from application.ports.periods import EntityBooks
from application.ports.store import Transaction
from application.recording import record
from application.settings.arriving import Arrival
from domain.audit import Action
from domain.bookkeeping import Bookkeeping, KeptCalendar, KeptYear, line_above, outwards
from domain.calendars import FiscalYear
from domain.canonical import Json
from domain.errors import Stale
from domain.people import Actor
from domain.periods import LateEntries, Scope
from domain.settings.book_differences import BOOKS, CALENDAR, ENTITY, SCOPE, YEAR, BookThing, missing_years


async def write_bookkeeping(tx: Transaction, actor: Actor, arrival: Arrival, things: Sequence[BookThing]) -> None:
    """Stale or a refusal of the write where somebody else wrote meanwhile."""
    wanted, stored = arrival.wanted.books or Bookkeeping(), arrival.stored.books or Bookkeeping()
    pen, reason = replace(actor, request=None), arrival.reason
    entities = {**stored.entities, **wanted.entities}
    for code in sorted(_named(ENTITY, things), key=lambda each: len(line_above(each, entities))):
        await _put_entity(tx, pen, wanted.entities[code], reason)
    for code in _named(SCOPE, things):
        await _put_scope(tx, pen, wanted.scopes[code], reason)
    rules, made = set(_named(CALENDAR, things)), {each for each in things if each[0] == YEAR}
    for name, calendar in wanted.calendars.items():
        there = stored.calendars.get(name)
        if name in rules:
            await _put_rules(tx, pen, calendar, len(there.versions) if there else 0, reason)
        if missing := missing_years(calendar, made):
            await _make_years(tx, pen, calendar, missing, reason)
    for entity in _named(BOOKS, things):
        await _put_books(tx, pen, wanted.books[entity], reason)


def _named(kind: str, things: Sequence[BookThing]) -> list[str]:
    return [name for each, name in things if each == kind]


async def _put_entity(tx: Transaction, by: Actor, said: Json, reason: str) -> None:
    before = await tx.entities.get(said["code"], lock=True)
    after = LegalEntity(version=before.version + 1 if before else 1, **said)
    await tx.entities.put(after)
    await record(tx, Action.ENTITY_CHANGED, ("legal_entity", after.code), actor=by, reason=reason,
                 before=vars(before) if before else None, after=vars(after))  # fmt: skip


async def _put_scope(tx: Transaction, by: Actor, said: Json, reason: str) -> None:
    before = next((each for each in await tx.books.scopes() if each.code == said["code"]), None)
    after = Scope(version=before.version + 1 if before else 1, **said)
    await tx.books.put_scope(after)
    await record(tx, Action.SCOPE_CHANGED, ("posting_scope", after.code), actor=by, reason=reason,
                 before=vars(before) if before else None, after=vars(after))  # fmt: skip


async def _put_rules(tx: Transaction, by: Actor, calendar: KeptCalendar, known: int, reason: str) -> None:
    """The versions after the `known` ones; CalendarUsed where years were made that one of them would make."""
    place = Place(calendar.code, calendar.entity or WHOLE)
    present: StoredCalendar | None = await tx.calendars.find(place.code, place.entity, lock=True)
    if version_of(present) != known:
        raise Stale(version=version_of(present), expected=known)
    for said in calendar.versions[known:]:
        await check_years(tx, present, said["from_year"])
        present = await write_calendar(tx, by, Ruling(place, **said), present, reason)


async def _make_years(
    tx: Transaction, by: Actor, calendar: KeptCalendar, missing: Sequence[KeptYear], reason: str
) -> None:  # fmt: skip
    """From those that are there outwards, so that none is apart from them."""
    held = await calendar_at(tx, Place(calendar.code, calendar.entity or WHOLE), lock=True)
    there = await tx.calendars.ends_of(held.id)
    for kept in outwards(missing, there[0].year.begins if there else None):
        years: tuple[FiscalYear, ...] = (kept.year,)
        await check_planned(tx, held, years)
        await add_years(tx, by, held, (kept.version, years), reason)


async def _put_books(tx: Transaction, by: Actor, said: Json, reason: str) -> None:
    """BooksInUse for another calendar once a period was opened."""
    calendar = await calendar_at(tx, Place(said["calendar"]["code"], said["calendar"]["entity"] or WHOLE))
    before = await tx.books.get(said["entity"], lock=True)
    await check_calendar(tx, before, calendar.id)
    after = EntityBooks(
        said["entity"], calendar.id, LateEntries(said["late_entries"]), said["most_open"],
        before.version + 1 if before else 1, opens_itself=said["opens_itself"],
    )  # fmt: skip
    await write_books(tx, by, after, before, reason)
