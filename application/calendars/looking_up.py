"""A date has one period of a calendar; an instant has the date that the clocks of an entity show at it."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from application.calendars.places import Held, Place, calendar_held
from application.ports.calendars import StoredYear
from application.ports.store import Store, Transaction
from domain.calendars import (
    FiscalPeriod,
    FiscalYear,
    Stretch,
    compare,
    day_meant,
    first_instant,
    local_date,
    period_on,
)
from domain.errors import Fault, Invalid
from domain.people import Actor, Permission

LONGEST = timedelta(days=3 * 371)
"""Days of a comparison, at most: three years of any kind."""
_ON = "/query/on"


@dataclass(frozen=True)
class PeriodFound:
    """`starts` and `stops` are the first instant of the period and that of the day after it, where clocks are known."""

    held: Held
    date: date
    year: StoredYear
    period: FiscalPeriod
    id: UUID
    starts: datetime | None
    stops: datetime | None


class LookingUp:
    """Each raises PermissionMissing, Missing or Invalid where it applies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def period(self, actor: Actor, place: Place, on: str | None) -> PeriodFound:
        """On a date, at an instant, or now; NoPeriod with those around it."""
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            held = await calendar_held(tx, place)
            day = _day(held, on, tx)
            near = await tx.calendars.near(held.calendar.id, day)
            year, period = period_on([each.year for each in near], day)
            stored = next(each for each in near if each.year == year)
            id_ = stored.periods[year.periods.index(period)]
            zone = held.entity.time_zone if held.entity else None
            starts = first_instant(period.begins, zone) if zone else None
            stops = first_instant(period.ends + timedelta(days=1), zone) if zone else None
            return PeriodFound(held, day, stored, period, id_, starts, stops)

    async def comparison(
        self, actor: Actor, one: Place, other: Place, begins: date, ends: date
    ) -> tuple[Stretch, ...]:  # fmt: skip
        """The years that two calendars have made, side by side."""
        actor.require(Permission.PERIODS_READ)
        if not begins <= ends <= begins + LONGEST:
            raise Invalid([Fault("/query/until", f"a day at most {LONGEST.days} days after `from`")])
        async with self._store.transaction(actor.tenant) as tx:
            return compare(
                await _made(tx, one, begins, ends), await _made(tx, other, begins, ends), begins, ends
            )  # fmt: skip


async def _made(tx: Transaction, place: Place, begins: date, ends: date) -> list[FiscalYear]:
    held = await calendar_held(tx, place)
    return [each.year for each in await tx.calendars.touching(held.calendar.id, begins, ends)]


def _day(held: Held, on: str | None, tx: Transaction) -> date:
    if held.entity is not None:
        zone = held.entity.time_zone
        return local_date(tx.now, zone) if on is None else day_meant(on, zone, _ON)
    day = day_meant(on, "UTC", _ON) if on is not None else None
    if day is None or on != day.isoformat():
        raise Invalid([Fault("/query/entity", "the entity whose clocks say which date an instant has")])
    return day
