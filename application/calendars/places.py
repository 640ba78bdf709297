"""A calendar is called by its code and by whose it is; who has none of a code goes by the one above it in the group."""

from dataclasses import dataclass
from typing import Any

from application.ports.calendars import WHOLE, LegalEntity, StoredCalendar, StoredYear
from application.ports.store import Transaction
from domain.calendars import FiscalYear
from domain.errors import Missing

MOST_LEVELS = 10


@dataclass(frozen=True)
class Place:
    """`entity` is empty for the tenant as a whole."""

    code: str
    entity: str = WHOLE


@dataclass(frozen=True)
class Held:
    """The calendar by which `entity` goes; it may be that of an entity above it, or of the tenant."""

    calendar: StoredCalendar
    entity: LegalEntity | None


async def entity_called(tx: Transaction, code: str, *, lock: bool = False) -> LegalEntity:
    found = await tx.entities.get(code, lock=lock)
    if found is None:
        raise Missing(kind_of_thing="legal entity", code=code)
    return found


async def line_of(tx: Transaction, code: str) -> list[LegalEntity]:
    """The entity and those above it, the top last."""
    line = [await entity_called(tx, code)]
    while line[-1].parent is not None:
        line.append(await entity_called(tx, line[-1].parent))
    return line


async def calendar_at(tx: Transaction, place: Place, *, lock: bool = False) -> StoredCalendar:
    """The one of this entity itself."""
    found = await tx.calendars.find(place.code, place.entity, lock=lock)
    if found is None:
        raise Missing(kind_of_thing="fiscal calendar", code=place.code, entity=place.entity or None)
    return found


async def calendar_held(tx: Transaction, place: Place) -> Held:
    """The nearest of this code on the way up to the tenant."""
    line = await line_of(tx, place.entity) if place.entity else []
    for owner in (*(each.code for each in line), WHOLE):
        found = await tx.calendars.find(place.code, owner)
        if found is not None:
            return Held(found, line[0] if line else None)
    raise Missing(kind_of_thing="fiscal calendar", code=place.code, entity=place.entity or None)


async def year_called(tx: Transaction, calendar: StoredCalendar, code: str) -> StoredYear:
    """2025, or 2025T for the transition year before it."""
    transition = code.endswith("T")
    found = await tx.calendars.year(calendar.id, int(code.removesuffix("T")), transition=transition)
    if found is None:
        raise Missing(kind_of_thing="fiscal year", calendar=calendar.code, year=code)
    return found


def year_fact(calendar: StoredCalendar, year: FiscalYear) -> dict[str, Any]:
    """What the trail says of a year."""
    told = year.to_json()
    return {"calendar": calendar.code, "entity": calendar.entity, **told, "periods": len(year.periods)}
