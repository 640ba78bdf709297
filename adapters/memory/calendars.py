"""Legal entities, calendars and years in memory, where one transaction runs at a time."""

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from adapters.memory.rows import Rows, as_stored
from application.ports.calendars import LegalEntity, StoredCalendar, StoredYear
from domain.calendars import YearKind
from domain.calendars.keeping import YearsApart, YearUsed, check_fits, check_periods
from domain.errors import AlreadyExists, Missing, Stale


class MemoryEntities:
    def __init__(self, rows: Rows) -> None:
        self._entities = rows.entities

    async def get(self, code: str, *, lock: bool = False) -> LegalEntity | None:
        del lock
        return self._entities.get(code)

    async def page(self, after: str, limit: int) -> list[LegalEntity]:
        return [self._entities[code] for code in sorted(self._entities) if code > after][:limit]

    async def put(self, entity: LegalEntity) -> None:
        before = self._entities.get(entity.code)
        if (before.version if before else 0) != entity.version - 1:
            raise Stale(expected=entity.version - 1)
        self._entities[entity.code] = replace(entity, parent=before.parent) if before else entity


class MemoryCalendars:
    def __init__(self, rows: Rows) -> None:
        self._written = rows.calendars
        self._made = rows.fiscal_years

    async def find(self, code: str, entity: str, *, lock: bool = False) -> StoredCalendar | None:
        del lock
        return next((each for each in self._newest() if (each.code, each.entity) == (code, entity)), None)

    async def page(self, after: tuple[str, str], limit: int) -> list[StoredCalendar]:
        every = sorted(self._newest(), key=_called)
        return [each for each in every if _called(each) > after][:limit]

    async def versions(self, calendar: UUID, before: int, limit: int) -> list[StoredCalendar]:
        return self._select(lambda each: each.id == calendar and each.version < before)[:limit]

    async def version_for(self, calendar: UUID, year: int) -> StoredCalendar | None:
        return next(iter(self._select(lambda each: each.id == calendar and each.from_year <= year)), None)

    async def put(self, calendar: StoredCalendar) -> None:
        before = await self.find(calendar.code, calendar.entity)
        if (before.version if before else 0) != calendar.version - 1:
            raise AlreadyExists
        self._written[calendar.id, calendar.version] = _unshared(calendar)

    async def asked(self, request: UUID) -> StoredCalendar | None:
        return next(iter(self._select(lambda each: each.request == request)), None)

    async def years(self, calendar: UUID, after: date, limit: int) -> list[StoredYear]:
        return [each for each in self._of(calendar) if each.year.begins > after][:limit]

    async def year(self, calendar: UUID, number: int, *, transition: bool = False) -> StoredYear | None:
        wanted = (number, transition)
        every = self._of(calendar)
        return next((each for each in every if (each.year.number, _between_rules(each)) == wanted), None)

    async def from_number(self, calendar: UUID, number: int, limit: int) -> list[StoredYear]:
        return [each for each in self._of(calendar) if each.year.number >= number][:limit]

    async def touching(self, calendar: UUID, begins: date, ends: date) -> list[StoredYear]:
        return [each for each in self._of(calendar) if each.year.begins <= ends and begins <= each.year.ends]

    async def near(self, calendar: UUID, day: date) -> list[StoredYear]:
        holding = await self.touching(calendar, day, day)
        before = [each for each in self._of(calendar) if each.year.ends < day]
        after = [each for each in self._of(calendar) if each.year.begins > day]
        return holding or [*before[-1:], *after[:1]]

    async def ends_of(self, calendar: UUID) -> list[StoredYear]:
        every = self._of(calendar)
        return [every[0], every[-1]] if len(every) > 1 else every

    async def add(self, years: Collection[StoredYear]) -> None:
        for each in years:
            check_periods(each.year.standard)
            check_fits(each.year, [other.year for other in self._of(each.calendar)])
            if each.id in self._made or await self.year(
                each.calendar, each.year.number, transition=_between_rules(each)
            ):
                raise AlreadyExists
            self._made[each.id] = each

    async def use(self, year: UUID) -> None:
        if year not in self._made:
            raise Missing
        self._made[year] = replace(self._made[year], used=True)

    async def remove(self, year: UUID) -> None:
        gone = self._made[year]
        if gone.used:
            raise YearUsed
        del self._made[year]
        for one, next_ in pairwise(self._of(gone.calendar)):
            if next_.year.begins != one.year.ends + timedelta(days=1):
                raise YearsApart

    def _of(self, calendar: UUID) -> list[StoredYear]:
        every = [each for each in self._made.values() if each.calendar == calendar]
        return sorted(every, key=lambda each: each.year.begins)

    def _newest(self) -> list[StoredCalendar]:
        return [each for each in self._select(lambda _: True) if (each.id, each.version + 1) not in self._written]

    def _select(self, wanted: Callable[[StoredCalendar], Any]) -> list[StoredCalendar]:
        every = sorted(self._written.values(), key=lambda each: each.version, reverse=True)
        return [_unshared(each) for each in every if wanted(each)]


def _called(calendar: StoredCalendar) -> tuple[str, str]:
    return calendar.code, calendar.entity


def _between_rules(stored: StoredYear) -> bool:
    return stored.year.kind is YearKind.TRANSITION


def _unshared(calendar: StoredCalendar) -> StoredCalendar:
    return replace(calendar, rule=as_stored(calendar.rule))
