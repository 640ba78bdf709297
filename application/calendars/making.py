"""A year is made once: whoever asks for it again, or at the same time, is given the same year and the same periods."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import uuid4

from application.acting import done, remember
from application.calendars.places import Place, calendar_at, calendar_held, year_called, year_fact
from application.ports.calendars import StoredCalendar, StoredYear
from application.ports.store import Store, Transaction
from application.recording import record
from domain.audit import Action
from domain.calendars import (
    CalendarRule,
    FiscalYear,
    Numbering,
    ShortPeriods,
    closing_year,
    fiscal_year,
    opening_year,
    parse_rule,
    restated_year,
    transition,
)
from domain.calendars.given import Span, given_year
from domain.calendars.keeping import YearExists, YearsApart, YearUsed, check_fits
from domain.errors import Fault, Invalid
from domain.people import Actor, Permission


@dataclass(frozen=True)
class YearWish:
    """As the rule says, unless it begins or ends on another day, or has periods that no rule makes."""

    begins: date | None = None
    ends: date | None = None
    long: bool = False
    numbering: Numbering = Numbering.FROM_ONE
    periods: tuple[Span, ...] = ()

    @property
    def plain(self) -> bool:
        return self == YearWish()

    def made_by(self, rule: CalendarRule, number: int) -> FiscalYear:
        said = [name for name in ("begins", "ends", "periods") if getattr(self, name)]
        if len(said) > 1:
            raise Invalid([Fault(f"/{name}", "one of `begins`, `ends` and `periods`") for name in said])
        if self.periods:
            return given_year(rule, number, self.periods)
        if self.begins is not None:
            year = opening_year(rule, self.begins, long=self.long, numbering=self.numbering)
        elif self.ends is not None:
            year = closing_year(rule, self.ends, long=self.long)
        elif self.plain:
            return fiscal_year(rule, number)
        else:
            raise Invalid([Fault("/begins", "the first day, or `ends` with the last one")])
        if year.number != number:
            raise Invalid([Fault(f"/{said[0]}", f"a day with which the year {number} begins or ends")])
        return year


@dataclass(frozen=True)
class Made:
    """`years` has the transition year too, where the rule changed before it. `fresh`: this request made them."""

    calendar: StoredCalendar
    years: tuple[StoredYear, ...]
    fresh: bool


class Making:
    """Each raises PermissionMissing, Missing or Invalid where it applies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def make(self, actor: Actor, place: Place, number: int, wish: YearWish, reason: str) -> Made:
        """PeriodsOverlap, YearsApart or YearExists where it does not fit the years that are there."""
        actor.require(Permission.PERIODS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            calendar = await calendar_at(tx, place, lock=True)
            made = await _known(tx, calendar, number, wish)
            if made is not None:
                return made
            version, planned = await _planned(tx, calendar, number, wish)
            await check_planned(tx, calendar, planned)
            years = await add_years(tx, actor, calendar, (version, planned), reason)
            return Made(calendar, years, fresh=True)

    async def preview(self, actor: Actor, place: Place, number: int, wish: YearWish) -> tuple[FiscalYear, ...]:
        """What `make` would make, or has made; refused as it would refuse."""
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            calendar = await calendar_at(tx, place)
            made = await _known(tx, calendar, number, wish)
            if made is not None:
                return tuple(each.year for each in made.years)
            _, planned = await _planned(tx, calendar, number, wish)
            await check_planned(tx, calendar, planned)
            return planned

    async def get(self, actor: Actor, place: Place, code: str) -> StoredYear:
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await year_called(tx, (await calendar_held(tx, place)).calendar, code)

    async def page(self, actor: Actor, place: Place, after: date, limit: int) -> list[StoredYear]:
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.calendars.years((await calendar_held(tx, place)).calendar.id, after, limit)

    async def restated(self, actor: Actor, place: Place, number: int) -> FiscalYear:
        """As one of 52 weeks, whether it was made or not; NotRestatable for a calendar of months."""
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            held = await calendar_held(tx, place)
            return restated_year(parse_rule((await _version(tx, held.calendar, number)).rule), number)

    async def remove(self, actor: Actor, place: Place, code: str, reason: str) -> StoredYear | None:
        """The first or the last of its calendar, while it was not used; None when this request removed it before."""
        actor.require(Permission.PERIODS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            calendar = await calendar_at(tx, place, lock=True)
            if await done(tx, actor):
                return None
            gone = await year_called(tx, calendar, code)
            if gone.used:
                raise YearUsed(year=code)
            if gone.id not in {each.id for each in await tx.calendars.ends_of(calendar.id)}:
                raise YearsApart(gaps=[{"begins": str(gone.year.begins), "ends": str(gone.year.ends)}])
            await tx.calendars.remove(gone.id)
            await remember(tx, actor, "remove-fiscal-year")
            await record(tx, Action.FISCAL_YEAR_REMOVED, ("fiscal_year", gone.id), actor=actor, reason=reason,
                         before=year_fact(calendar, gone.year))  # fmt: skip
            return gone


async def add_years(
    tx: Transaction, by: Actor, calendar: StoredCalendar, planned: tuple[int, Sequence[FiscalYear]], reason: str
) -> tuple[StoredYear, ...]:
    """Years as this version of the calendar made them."""
    version, years = planned
    made = tuple(
        StoredYear(uuid4(), calendar.id, version, year, tuple(uuid4() for _ in year.periods), by.id, tx.now, reason)
        for year in years
    )
    await tx.calendars.add(made)
    for each in made:
        await record(tx, Action.FISCAL_YEAR_MADE, ("fiscal_year", each.id), actor=by, reason=reason,
                     after=year_fact(calendar, each.year))  # fmt: skip
    return made


async def _known(tx: Transaction, calendar: StoredCalendar, number: int, wish: YearWish) -> Made | None:
    """The year as it was made before, if it was; YearExists when another one is wished now."""
    there = await tx.calendars.year(calendar.id, number)
    if there is None:
        return None
    if not wish.plain:
        (written,) = await tx.calendars.versions(calendar.id, there.version + 1, 1)
        if wish.made_by(parse_rule(written.rule), number) != there.year:
            raise YearExists(id=str(there.id), **year_fact(calendar, there.year))
    before = await tx.calendars.year(calendar.id, number, transition=True)
    return Made(calendar, (before, there) if before else (there,), fresh=False)


async def _planned(
    tx: Transaction, calendar: StoredCalendar, number: int, wish: YearWish
) -> tuple[int, tuple[FiscalYear, ...]]:
    """The version that makes the year, and the years to make: a changed rule begins with a transition."""
    version = await _version(tx, calendar, number)
    rule = parse_rule(version.rule)
    ends = await tx.calendars.ends_of(calendar.id)
    last = ends[-1] if ends else None
    if wish.plain and last is not None and last.version < version.version:
        change = transition(last.year, rule, ShortPeriods(version.short_periods))
        if change.year.number == number:
            ordinary = (fiscal_year(rule, number),) if change.follows == number else ()
            return version.version, (change.year, *ordinary)
    return version.version, (wish.made_by(rule, number),)


async def _version(tx: Transaction, calendar: StoredCalendar, number: int) -> StoredCalendar:
    found = await tx.calendars.version_for(calendar.id, number)
    if found is None:
        raise Invalid([Fault("/path/year", "a year that the calendar reaches")])
    return found


async def check_planned(tx: Transaction, calendar: StoredCalendar, planned: Sequence[FiscalYear]) -> None:
    """PeriodsOverlap or YearsApart where they do not fit the years that are there."""
    met = await tx.calendars.touching(calendar.id, planned[0].begins, planned[-1].ends)
    beside = [each.year for each in met or await tx.calendars.ends_of(calendar.id)]
    for year in planned:
        check_fits(year, beside)
        beside = [*beside, year]
