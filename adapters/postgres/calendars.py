"""Calendars and their years; that no day belongs to two periods or to none is what the tables themselves keep."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, delete, func, insert, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables_calendars import (
    fiscal_calendar,
    fiscal_calendar_version,
    fiscal_period,
    fiscal_year,
)
from application.ports.calendars import StoredCalendar, StoredYear
from domain.calendars import FiscalPeriod, FiscalYear, PeriodKind, YearKind
from domain.errors import AlreadyExists, Missing

_C, _V, _Y, _P = fiscal_calendar.c, fiscal_calendar_version.c, fiscal_year.c, fiscal_period.c
_DAY = timedelta(days=1)
_WRITTEN = ("version", "from_year", "rule", "short_periods", "written_by", "written_at", "reason", "request")


class PostgresCalendars:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def find(self, code: str, entity: str, *, lock: bool = False) -> StoredCalendar | None:
        if lock:
            # By itself, before its version is read: whoever waited here reads what the other one wrote.
            place = select(_C.calendar_id).where(_C.code == code, _C.entity == entity)
            await self._session.execute(place.with_for_update(key_share=True))
        found = await self._calendars(_newest().where(_C.code == code, _C.entity == entity))
        return found[0] if found else None

    async def page(self, after: tuple[str, str], limit: int) -> list[StoredCalendar]:
        query = _newest().where(tuple_(_C.code, _C.entity) > tuple_(*after))
        return await self._calendars(query.order_by(_C.code, _C.entity).limit(limit))

    async def versions(self, calendar: UUID, before: int, limit: int) -> list[StoredCalendar]:
        query = _all().where(_V.calendar_id == calendar, _V.version < before)
        return await self._calendars(query.order_by(_V.version.desc()).limit(limit))

    async def version_for(self, calendar: UUID, year: int) -> StoredCalendar | None:
        query = _all().where(_V.calendar_id == calendar, _V.from_year <= year)
        found = await self._calendars(query.order_by(_V.version.desc()).limit(1))
        return found[0] if found else None

    async def put(self, calendar: StoredCalendar) -> None:
        if calendar.version == 1:
            named = {"calendar_id": calendar.id, "entity": calendar.entity, "code": calendar.code, "version": 1}
            new = upsert(fiscal_calendar).values(tenant_id=self._tenant, **named).on_conflict_do_nothing()
            done = await self._session.scalar(new.returning(_C.version))
        else:
            here = (_C.calendar_id == calendar.id, _C.version == calendar.version - 1)
            raised = update(fiscal_calendar).where(*here).values(version=calendar.version)
            done = await self._session.scalar(raised.returning(_C.version))
        if done is None:
            raise AlreadyExists
        row = {name: getattr(calendar, name) for name in _WRITTEN}
        row |= {"tenant_id": self._tenant, "calendar_id": calendar.id}
        await self._session.execute(insert(fiscal_calendar_version).values(**row))

    async def asked(self, request: UUID) -> StoredCalendar | None:
        found = await self._calendars(_all().where(_V.request == request))
        return found[0] if found else None

    async def years(self, calendar: UUID, after: date, limit: int) -> list[StoredYear]:
        begins = func.lower(_Y.span)
        return await self._years(_of(calendar).where(begins > after).order_by(begins).limit(limit))

    async def year(self, calendar: UUID, number: int, *, transition: bool = False) -> StoredYear | None:
        kind = _Y.kind == YearKind.TRANSITION.value
        found = await self._years(_of(calendar).where(_Y.number == number, kind if transition else ~kind))
        return found[0] if found else None

    async def from_number(self, calendar: UUID, number: int, limit: int) -> list[StoredYear]:
        query = _of(calendar).where(_Y.number >= number).order_by(func.lower(_Y.span))
        return await self._years(query.limit(limit))

    async def touching(self, calendar: UUID, begins: date, ends: date) -> list[StoredYear]:
        query = _of(calendar).where(_Y.span.overlaps(Range(begins, ends, bounds="[]")))
        return await self._years(query.order_by(func.lower(_Y.span)))

    async def near(self, calendar: UUID, day: date) -> list[StoredYear]:
        holding = await self._years(_of(calendar).where(_Y.span.contains(day)))
        if holding:
            return holding
        before = _of(calendar).where(func.upper(_Y.span) <= day).order_by(func.upper(_Y.span).desc()).limit(1)
        after = _of(calendar).where(func.lower(_Y.span) > day).order_by(func.lower(_Y.span)).limit(1)
        return [*await self._years(before), *await self._years(after)]

    async def ends_of(self, calendar: UUID) -> list[StoredYear]:
        spans = select(func.min(func.lower(_Y.span)), func.max(func.lower(_Y.span))).where(_Y.calendar_id == calendar)
        first, last = (await self._session.execute(spans)).one()
        edges = or_(func.lower(_Y.span) == first, func.lower(_Y.span) == last)
        return await self._years(_of(calendar).where(edges).order_by(func.lower(_Y.span))) if first else []

    async def add(self, years: Collection[StoredYear]) -> None:
        await self._session.execute(insert(fiscal_year), [self._year_row(each) for each in years])
        periods = [row for each in years for row in self._period_rows(each)]
        await self._session.execute(insert(fiscal_period), periods)

    async def use(self, year: UUID) -> None:
        used = update(fiscal_year).where(_Y.year_id == year).values(used=True)
        if await self._session.scalar(used.returning(_Y.year_id)) is None:
            raise Missing

    async def remove(self, year: UUID) -> None:
        await self._session.execute(delete(fiscal_period).where(_P.year_id == year))
        await self._session.execute(delete(fiscal_year).where(_Y.year_id == year))

    async def _calendars(self, query: Select[Any]) -> list[StoredCalendar]:
        return [_calendar(row) for row in await self._session.execute(query)]

    async def _years(self, query: Select[Any]) -> list[StoredYear]:
        rows = list(await self._session.execute(query))
        wanted = select(fiscal_period).where(_P.year_id.in_([row.year_id for row in rows]))
        periods: dict[UUID, list[Any]] = defaultdict(list)
        for each in await self._session.execute(wanted.order_by(_P.number)) if rows else ():
            periods[each.year_id].append(each)
        return [_year(row, periods[row.year_id]) for row in rows]

    def _year_row(self, stored: StoredYear) -> dict[str, Any]:
        year = stored.year
        return {
            "tenant_id": self._tenant,
            "year_id": stored.id,
            "calendar_id": stored.calendar,
            "version": stored.version,
            "number": year.number,
            "kind": year.kind.value,
            "label": year.label,
            "span": Range(year.begins, year.ends, bounds="[]"),
            "used": stored.used,
            "made_by": stored.made_by,
            "made_at": stored.made_at,
            "reason": stored.reason,
        }

    def _period_rows(self, stored: StoredYear) -> list[dict[str, Any]]:
        return [
            {
                "tenant_id": self._tenant,
                "period_id": id_,
                "calendar_id": stored.calendar,
                "year_id": stored.id,
                "number": period.number,
                "kind": period.kind.value,
                "quarter": period.quarter,
                "span": Range(period.begins, period.ends, bounds="[]"),
                "name": period.name,
            }
            for id_, period in zip(stored.periods, stored.year.periods, strict=True)
        ]


def _all() -> Select[Any]:
    written = [_V[name] for name in _WRITTEN]
    return select(_C.calendar_id, _C.entity, _C.code, *written).join(
        fiscal_calendar_version, _C.calendar_id == _V.calendar_id
    )


def _newest() -> Select[Any]:
    return _all().where(_V.version == _C.version)


def _of(calendar: UUID) -> Select[Any]:
    return select(fiscal_year).where(_Y.calendar_id == calendar)


def _calendar(row: Any) -> StoredCalendar:
    return StoredCalendar(row.calendar_id, row.entity, row.code, *(getattr(row, name) for name in _WRITTEN))


def _year(row: Any, periods: Sequence[Any]) -> StoredYear:
    whole = FiscalYear(row.number, YearKind(row.kind), row.label, tuple(map(_period, periods)))
    ids = tuple(each.period_id for each in periods)
    return StoredYear(
        row.year_id, row.calendar_id, row.version, whole, ids, row.made_by, row.made_at, row.reason, row.used
    )  # fmt: skip


def _period(row: Any) -> FiscalPeriod:
    begins, ends = row.span.lower, row.span.upper - _DAY
    return FiscalPeriod(row.number, PeriodKind(row.kind), begins, ends, row.name, row.quarter)
