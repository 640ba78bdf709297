"""What the books of an entity say, as a change tells it and as the trail does."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from application.periods.places import calendar_of, years_of
from application.ports.periods import EntityBooks
from application.ports.store import Transaction
from application.recording import record
from domain.audit import Action
from domain.canonical import Json
from domain.people import Actor
from domain.periods import BooksInUse, LateEntries


async def books_content(tx: Transaction, books: EntityBooks) -> dict[str, Any]:
    """For people the calendar has its code; its id is what is written."""
    calendar = await calendar_of(tx, books)
    whose = {"id": str(calendar.id), "code": calendar.code, "entity": calendar.entity or None}
    return {**_fact(books), "entity": books.entity, "calendar": whose}


def books_said(content: Json, version: int) -> EntityBooks:
    """As `books_content` told them."""
    return EntityBooks(
        content["entity"], UUID(content["calendar"]["id"]), LateEntries(content["late_entries"]), content["most_open"],
        version, opens_itself=content["opens_itself"],
    )  # fmt: skip


async def check_calendar(tx: Transaction, before: EntityBooks | None, calendar: UUID) -> None:
    """BooksInUse for another calendar once a gate is there: as the write refuses it, before anybody is asked."""
    if before is None or before.calendar == calendar:
        return
    periods = [period for year in await years_of(tx, before.calendar) for period in year.periods]
    if await tx.periods.gates(before.entity, periods):
        raise BooksInUse(entity=before.entity)


async def write_books(
    tx: Transaction, by: Actor, after: EntityBooks, before: EntityBooks | None, reason: str, change: UUID | None = None
) -> None:
    """Over the version `before`; Stale when another is there."""
    await tx.books.put(after)
    await record(tx, Action.BOOKS_CHANGED, ("entity_books", after.entity), actor=by, change=change, reason=reason,
                 before=_fact(before) if before else None, after=_fact(after))  # fmt: skip


def over(books: EntityBooks, present: EntityBooks) -> EntityBooks:
    """The same as the next version of what is there."""
    return replace(books, version=present.version + 1)


def _fact(books: EntityBooks) -> dict[str, Any]:
    return {
        "calendar": str(books.calendar),
        "late_entries": books.late_entries.value,
        "most_open": books.most_open,
        "opens_itself": books.opens_itself,
    }
