"""Series of closes; that what is over stays, and what was closed stays closed, is what the tables keep."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables_series import closure_series, closure_series_member
from application.ports.closures import Place
from domain.closures.series import Member, MemberState, Series, SeriesState
from domain.closures.states import Mode

_S, _M = closure_series.c, closure_series_member.c


class PostgresClosureSeries:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def add(self, series: Series) -> None:
        row = {
            "tenant_id": self._tenant,
            "series_id": series.id,
            "reason": series.reason,
            "asked_at": series.asked_at,
            "at_once": series.at_once,
            **_told(series),
        }
        await self._session.execute(insert(closure_series).values(**row))
        rows = [
            {
                "tenant_id": self._tenant,
                "series_id": series.id,
                "place": place,
                "entity": each.entity,
                "period_id": each.period,
                "period_code": each.period_code,
                "mode": each.mode.value,
                "scopes": list(each.scopes) if each.scopes is not None else None,
                "template": each.template,
                "due_at": each.due_at,
                "after": list(each.after),
                **_moving(each),
            }
            for place, each in enumerate(series.members, 1)
        ]
        await self._session.execute(insert(closure_series_member), rows)

    async def get(self, series: UUID, *, lock: bool = False) -> Series | None:
        query = select(closure_series).where(_S.series_id == series)
        found = await self._found(query.with_for_update() if lock else query)
        return found[0] if found else None

    async def page(self, before: Place | None, limit: int) -> list[Series]:
        query = select(closure_series).order_by(_S.asked_at.desc(), _S.series_id.desc()).limit(limit)
        if before is not None:
            query = query.where(tuple_(_S.asked_at, _S.series_id) < tuple_(*before))
        return await self._found(query)

    async def save(self, series: Series) -> None:
        """Only of what has moved since it was read is a row written."""
        row = update(closure_series).where(_S.series_id == series.id)
        await self._session.execute(row.values(**_told(series), changed_at=func.clock_timestamp()))
        there = await self.get(series.id)
        before = there.members if there else ()
        for place, (old, new) in enumerate(zip(before, series.members, strict=True), 1):
            if old != new:
                here = (_M.series_id == series.id, _M.place == place)
                await self._session.execute(update(closure_series_member).where(*here).values(**_moving(new)))

    async def mark_started(self, series: UUID, *, started: bool = True) -> None:
        await self._session.execute(update(closure_series).where(_S.series_id == series).values(started=started))

    async def _found(self, query: Any) -> list[Series]:
        rows = list(await self._session.execute(query))
        wanted = select(closure_series_member).where(_M.series_id.in_([row.series_id for row in rows]))
        found = list(await self._session.execute(wanted.order_by(_M.series_id, _M.place)))
        members = {series: tuple(_member(row) for row in group) for series, group in groupby(found, _series_of)}
        return [_series(row, members.get(row.series_id, ())) for row in rows]


def _told(series: Series) -> dict[str, Any]:
    """What changes while it goes on."""
    return {
        "requester": series.requester,
        "state": series.state.value,
        "why": series.why,
        "aborted_by": series.aborted_by,
        "abort_reason": series.abort_reason,
    }


def _moving(member: Member) -> dict[str, Any]:
    return {"state": member.state.value, "run_id": member.run, "joined": member.joined, "why": member.why}


def _series_of(row: Any) -> UUID:
    series: UUID = row.series_id
    return series


def _series(row: Any, members: Sequence[Member]) -> Series:
    return Series(
        row.series_id, row.tenant_id, row.requester, row.reason, row.asked_at, tuple(members), row.at_once,
        SeriesState(row.state), row.why, row.aborted_by, row.abort_reason,
    )  # fmt: skip


def _member(row: Any) -> Member:
    return Member(
        entity=row.entity,
        period=row.period_id,
        period_code=row.period_code,
        mode=Mode(row.mode),
        scopes=tuple(row.scopes) if row.scopes is not None else None,
        template=row.template,
        due_at=row.due_at,
        after=tuple(row.after),
        state=MemberState(row.state),
        run=row.run_id,
        joined=row.joined,
        why=row.why,
    )
