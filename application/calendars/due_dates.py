"""What is due some business days after a date: holidays and weekends move it, and they move no period."""

from dataclasses import dataclass
from datetime import date

from application.calendars.places import entity_called
from application.ports.calendars import LegalEntity
from application.ports.holidays import PublicHolidays
from application.ports.store import Store
from domain.calendars import BusinessDays
from domain.people import Actor, Permission

MOST_DAYS = 260
_YEARS = 3
"""So many business days end within the two years after the one in which they begin."""


@dataclass(frozen=True)
class DueDate:
    """`skipped` are the holidays of the entity's country that moved it."""

    entity: LegalEntity
    due: date
    skipped: tuple[date, ...]


class DueDates:
    def __init__(self, store: Store, holidays: PublicHolidays) -> None:
        self._store = store
        self._holidays = holidays

    async def after(self, actor: Actor, code: str, day: date, count: int) -> DueDate:
        """`count` business days after `day`, or the first that is not before it. Raises PermissionMissing, Missing."""
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            entity = await entity_called(tx, code)
        rest = frozenset[date]()
        if entity.country is not None:
            years = range(day.year, day.year + _YEARS)
            rest = self._holidays.of(entity.country, entity.subdivision, years)
        weeks = BusinessDays()
        due = BusinessDays(rest).after(day, count)
        return DueDate(entity, due, tuple(sorted(each for each in rest if day <= each < due and weeks.open(each))))
