"""Bookkeeping of a bundle comes in where nobody is asked about calendars, and names only what is there."""

from collections.abc import Iterator

from application.calendars.places import MOST_LEVELS
from application.calendars.proposing import asked_about
from application.ports.store import Transaction
from application.settings.arriving import BUNDLE, Arrival
from domain.bookkeeping import Bookkeeping, calendar_name, check_growth, line_above
from domain.errors import Conflict, Fault, Invalid
from domain.people import Actor, Permission
from domain.settings import Op
from domain.settings.book_differences import BOOKS, CALENDAR, BookThing, missing_years

_NAMED = 100


class CalendarsGoverned(Conflict):
    """Policy asks for approval of calendars and books: change these by themselves, or import a bundle without them."""

    kind = "calendars-governed"


class CalendarsApart(Conflict):
    """The settings of this bundle need approval and its calendars do not: bring them in apart."""

    kind = "calendars-apart"


class BookkeepingDiffers(Conflict):
    """Rules and years that were made stay as they are, and these are otherwise here than in the bundle."""

    kind = "bookkeeping-differs"


async def planned_books(tx: Transaction, actor: Actor, arrival: Arrival) -> list[BookThing]:
    """What would be written; BookkeepingDiffers, CalendarsGoverned, or Invalid for a name of what is nowhere.

    CalendarUsed, PeriodsOverlap or YearsApart for what cannot follow the years that are here.
    """
    difference = arrival.difference
    if difference.clashing_books:
        raise BookkeepingDiffers(things=difference.clashing_books[:_NAMED])
    things = difference.books_having(Op.ADDED, Op.CHANGED)
    if not things:
        return []
    actor.require(Permission.PERIODS_MANAGE)
    governed = [f"{kind} {name}" for kind, name in things if kind in {CALENDAR, BOOKS}]
    if governed and await asked_about(tx):
        raise CalendarsGoverned(things=governed[:_NAMED])
    wanted, stored = arrival.wanted.books or Bookkeeping(), arrival.stored.books or Bookkeeping()
    faults = list(_faults(wanted, stored))
    if faults:
        raise Invalid(faults)
    for name in wanted.calendars.keys() & stored.calendars.keys():
        calendar, there = wanted.calendars[name], stored.calendars[name]
        followed = calendar if (CALENDAR, name) in things else there
        check_growth(followed, there, missing_years(calendar, things))
    return things


def _faults(wanted: Bookkeeping, stored: Bookkeeping) -> Iterator[Fault]:
    entities = {**stored.entities, **wanted.entities}
    calendars = stored.calendars.keys() | wanted.calendars.keys()
    for code in wanted.entities:
        line = line_above(code, entities)
        if not line or len(line) > MOST_LEVELS:
            yield Fault(f"{BUNDLE}/legal_entities", f"{code} to stand below at most {MOST_LEVELS - 1} that are there")
    for calendar in wanted.calendars.values():
        if calendar.entity is not None and calendar.entity not in entities:
            yield Fault(f"{BUNDLE}/fiscal_calendars", f"an entity that is there for {calendar.name}")
    for entity, books in wanted.books.items():
        whose, code = books["calendar"]["entity"], books["calendar"]["code"]
        known = entity in entities and calendar_name(code, whose) in calendars
        if not known or (whose is not None and whose not in line_above(entity, entities)):
            yield Fault(f"{BUNDLE}/entity_books", f"{entity} to be there, and a calendar of its own or above it")
