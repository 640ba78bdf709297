"""An entity posts by the calendar of its books; a period is called by its year and its number there, as 2025-03."""

import re
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from application.calendars.places import entity_called, year_called
from application.ports.calendars import LegalEntity, StoredCalendar, StoredYear
from application.ports.periods import EntityBooks
from application.ports.store import Transaction
from domain.calendars import FiscalPeriod, FiscalYear, local_date, period_on
from domain.errors import Missing
from domain.fences import FencedPeriod
from domain.periods import BooksMissing, GateKey, PeriodName, Scope, ScopeMissing

_CODE = re.compile(r"((?:19|2[0-9])[0-9]{2}T?)-([0-9]{2})")
_NEWEST = 2**62
_MOST_YEARS = 1000


@dataclass(frozen=True)
class PeriodPlace:
    """One period of the books of one entity."""

    entity: LegalEntity
    books: EntityBooks
    calendar: StoredCalendar
    year: StoredYear
    period: FiscalPeriod
    id: UUID

    @property
    def code(self) -> str:
        return period_code(self.year.year, self.period)

    @property
    def called(self) -> PeriodName:
        return PeriodName(self.year.year.code, self.period.number, self.period.name)

    @property
    def fenced(self) -> FencedPeriod:
        """For modules whose books are in another database."""
        return FencedPeriod(self.id, self.code, self.period.name, self.period.begins, self.period.ends)

    def key(self, scope: str) -> GateKey:
        return GateKey(self.entity.code, self.id, scope)


@dataclass(frozen=True)
class YearPlace:
    entity: LegalEntity
    books: EntityBooks
    calendar: StoredCalendar
    year: StoredYear

    @property
    def periods(self) -> tuple[PeriodPlace, ...]:
        pairs = zip(self.year.periods, self.year.year.periods, strict=True)
        return tuple(
            PeriodPlace(self.entity, self.books, self.calendar, self.year, period, id_) for id_, period in pairs
        )

    def on(self, day: date) -> PeriodPlace:
        """The standard period of a day of this year."""
        _, period = period_on([self.year.year], day)
        return next(each for each in self.periods if each.period == period)


def period_code(year: FiscalYear, period: FiscalPeriod) -> str:
    """2025-03, or 2025T-01 in the transition year before it."""
    return f"{year.code}-{period.number:02}"


async def books_of(tx: Transaction, entity: str, *, lock: bool = False) -> EntityBooks:
    books = await tx.books.get(entity, lock=lock)
    if books is None:
        raise BooksMissing(entity=entity)
    return books


async def calendar_of(tx: Transaction, books: EntityBooks) -> StoredCalendar:
    """Its newest version."""
    found = await tx.calendars.versions(books.calendar, _NEWEST, 1)
    if not found:
        raise Missing(kind_of_thing="fiscal calendar", id=str(books.calendar))
    return found[0]


async def years_of(tx: Transaction, calendar: UUID) -> list[StoredYear]:
    """All that were made, the earliest first."""
    return await tx.calendars.years(calendar, date.min, _MOST_YEARS)


async def year_of(tx: Transaction, entity: str, year: str | None, *, lock: bool = False) -> YearPlace:
    """Unless said, the year of today on the clocks of the entity. `lock` holds its books."""
    found = await entity_called(tx, entity)
    books = await books_of(tx, entity, lock=lock)
    calendar = await calendar_of(tx, books)
    if year is not None:
        return YearPlace(found, books, calendar, await year_called(tx, calendar, year))
    today = local_date(tx.now, found.time_zone)
    near = await tx.calendars.near(calendar.id, today)
    present, _ = period_on([each.year for each in near], today)
    return YearPlace(found, books, calendar, next(each for each in near if each.year == present))


async def period_called(tx: Transaction, entity: str, code: str, *, lock: bool = False) -> PeriodPlace:
    named = _CODE.fullmatch(code)
    place = await year_of(tx, entity, named[1], lock=lock) if named else None
    for each in place.periods if place else ():
        if each.code == code:
            return each
    raise Missing(kind_of_thing="fiscal period", entity=entity, code=code)


async def period_of(tx: Transaction, key: GateKey) -> PeriodPlace:
    """The period of a gate by its id."""
    entity = await entity_called(tx, key.entity)
    books = await books_of(tx, key.entity)
    calendar = await calendar_of(tx, books)
    for year in await years_of(tx, calendar.id):
        if key.period in year.periods:
            period = year.year.periods[year.periods.index(key.period)]
            return PeriodPlace(entity, books, calendar, year, period, key.period)
    raise Missing(kind_of_thing="fiscal period", entity=key.entity, id=str(key.period))


async def scopes_called(tx: Transaction, codes: tuple[str, ...]) -> list[Scope]:
    """Those of these codes, or all that the tenant has; ScopeMissing for one that it has not."""
    known = {scope.code: scope for scope in await tx.books.scopes()}
    for code in codes:
        if code not in known:
            raise ScopeMissing(scope=code)
    return [known[code] for code in sorted(set(codes) or known)]
