"""The next rule of a calendar is for years that nobody has made, when it is asked for and again when it is written."""

from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID, uuid4

from application.calendars.places import Place
from application.ports.calendars import WHOLE, StoredCalendar
from application.ports.store import Transaction
from application.recording import record
from domain.audit import Action
from domain.calendars.keeping import check_unmade
from domain.canonical import Json
from domain.errors import AlreadyExists, Stale
from domain.people import Actor

_NAMED = 5
"""So many of the years in the way are named."""


@dataclass(frozen=True)
class Ruling:
    """What a version of a calendar says; `rule` as the domain writes it."""

    place: Place
    from_year: int
    rule: Json
    short_periods: str

    @property
    def key(self) -> str:
        """What a change calls the calendar; no code has a slash."""
        return f"{self.place.entity}/{self.place.code}" if self.place.entity else self.place.code

    def to_json(self) -> dict[str, Any]:
        return {
            "entity": self.place.entity or None,
            "code": self.place.code,
            "from_year": self.from_year,
            "rule": self.rule,
            "short_periods": self.short_periods,
        }

    @classmethod
    def of(cls, raw: Json) -> Self:
        """From its own JSON."""
        place = Place(raw["code"], raw["entity"] or WHOLE)
        return cls(place, raw["from_year"], raw["rule"], raw["short_periods"])

    @classmethod
    def said_by(cls, calendar: StoredCalendar) -> Self:
        place = Place(calendar.code, calendar.entity)
        return cls(place, calendar.from_year, calendar.rule, calendar.short_periods)


async def check_years(tx: Transaction, before: StoredCalendar | None, from_year: int) -> None:
    """CalendarUsed when one of the years that were made would be another one's."""
    made = await tx.calendars.from_number(before.id, from_year, _NAMED) if before else []
    check_unmade(from_year, [each.year for each in made])


async def next_unmade(tx: Transaction, before: StoredCalendar) -> int:
    """The first year that another rule can make."""
    ends = await tx.calendars.ends_of(before.id)
    return ends[-1].year.number + 1 if ends else before.from_year


async def write_calendar(
    tx: Transaction, by: Actor, ruling: Ruling, before: StoredCalendar | None, reason: str, change: UUID | None = None
) -> StoredCalendar:
    """Over the version `before`; Stale when another is there."""
    after = StoredCalendar(
        before.id if before else uuid4(), ruling.place.entity, ruling.place.code, before.version + 1 if before else 1,
        ruling.from_year, ruling.rule, ruling.short_periods, by.id, tx.now, reason, by.request,
    )  # fmt: skip
    try:
        await tx.calendars.put(after)
    except AlreadyExists:
        raise Stale(expected=after.version - 1) from None
    await record(tx, Action.CALENDAR_CHANGED, ("fiscal_calendar", after.id), actor=by, change=change, reason=reason,
                 before=_fact(before) if before else None, after=_fact(after))  # fmt: skip
    return after


def _fact(calendar: StoredCalendar) -> dict[str, Any]:
    return {
        "entity": calendar.entity,
        "code": calendar.code,
        "version": calendar.version,
        "from_year": calendar.from_year,
        "rule": calendar.rule,
        "short_periods": calendar.short_periods,
    }
