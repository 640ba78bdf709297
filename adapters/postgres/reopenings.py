"""Reopenings of periods; that one at a time is made, and that no window is made longer, is what the tables keep."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, case, insert, select, tuple_, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables_reopenings import period_reopening, reopened_gate, window_limit
from application.ports.closures import Place
from domain.closures.reopening import ReopenWish
from domain.closures.windows import Recertified, Reopening, ReopeningState
from domain.periods import GateKey

_R, _G, _L = period_reopening.c, reopened_gate.c, window_limit.c


class PostgresReopenings:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def add(self, reopening: Reopening) -> None:
        row = {
            "tenant_id": self._tenant,
            "reopening_id": reopening.id,
            "entity": reopening.entity,
            "period_id": reopening.period,
            "period_code": reopening.period_code,
            "scopes": list(reopening.scopes),
            "wish": reopening.wish.to_json(),
            "requester": reopening.requester,
            "approval": reopening.approval,
            "asked_at": reopening.asked_at,
            "cascade": list(reopening.cascade),
            **_moving(reopening),
        }
        await self._session.execute(insert(period_reopening).values(**row))

    async def get(self, reopening: UUID, *, lock: bool = False) -> Reopening | None:
        query = select(period_reopening).where(_R.reopening_id == reopening)
        found = await self._found(query.with_for_update() if lock else query)
        return found[0] if found else None

    async def running(self, entity: str) -> list[Reopening]:
        query = select(period_reopening).where(_R.entity == entity, ~_R.over)
        return await self._found(query.order_by(_R.asked_at, _R.reopening_id))

    async def page(self, entity: str, period: UUID | None, before: Place | None, limit: int) -> list[Reopening]:
        query = select(period_reopening).where(_R.entity == entity)
        if period is not None:
            query = query.where(_R.period_id == period)
        if before is not None:
            query = query.where(tuple_(_R.asked_at, _R.reopening_id) < tuple_(*before))
        return await self._found(query.order_by(_R.asked_at.desc(), _R.reopening_id.desc()).limit(limit))

    async def save(self, reopening: Reopening) -> None:
        row = update(period_reopening).where(_R.reopening_id == reopening.id)
        await self._session.execute(row.values(**_moving(reopening)))

    async def mark_started(self, reopening: UUID, *, started: bool = True) -> None:
        row = update(period_reopening).where(_R.reopening_id == reopening)
        await self._session.execute(row.values(started=started))

    async def open(self, reopening: Reopening, keys: Collection[GateKey]) -> None:
        rows = [
            {
                "tenant_id": self._tenant,
                "entity": key.entity,
                "period_id": key.period,
                "scope": key.scope,
                "opened_at": reopening.opened_at,
                "reopening_id": reopening.id,
                "open_until": reopening.open_until,
            }
            for key in keys
        ]
        await self._session.execute(insert(reopened_gate), rows)
        most = reopening.wish.most_entries
        if most is not None:
            row = {"tenant_id": self._tenant, "reopening_id": reopening.id, "most_entries": most}
            await self._session.execute(insert(window_limit).values(**row))

    async def shut(self, reopening: Reopening) -> None:
        rows = update(reopened_gate).where(_G.reopening_id == reopening.id)
        await self._session.execute(rows.values(open_until=reopening.open_until))

    async def gates(self, reopening: UUID) -> list[GateKey]:
        query = select(_G.entity, _G.period_id, _G.scope).where(_G.reopening_id == reopening)
        return sorted(GateKey(*row) for row in await self._session.execute(query))

    async def entries(self, reopening: UUID) -> int:
        return await self._session.scalar(select(_L.used).where(_L.reopening_id == reopening)) or 0

    async def windows(self, entity: str) -> dict[GateKey, datetime]:
        key = _G.entity, _G.period_id, _G.scope
        until = case((_L.used == _L.most_entries, _G.opened_at), else_=_G.open_until)
        query = select(*key, until).outerjoin_from(reopened_gate, window_limit, _L.reopening_id == _G.reopening_id)
        newest = query.where(_G.entity == entity).ext(distinct_on(*key)).order_by(*key, _G.opened_at.desc())
        return {GateKey(*row[:3]): row[3] for row in await self._session.execute(newest)}

    async def _found(self, query: Select[Any]) -> list[Reopening]:
        return [_reopening(row) for row in await self._session.execute(query)]


def _moving(reopening: Reopening) -> dict[str, Any]:
    """What changes while it goes on."""
    return {
        "state": reopening.state.value,
        "stale": list(reopening.stale),
        "opened_at": reopening.opened_at,
        "open_until": reopening.open_until,
        "closure": reopening.closure,
        "why": reopening.why,
        "recertified": [each.to_json() for each in reopening.recertified],
    }


def _reopening(row: Any) -> Reopening:
    return Reopening(
        id=row.reopening_id,
        tenant=row.tenant_id,
        entity=row.entity,
        period=row.period_id,
        period_code=row.period_code,
        scopes=tuple(row.scopes),
        wish=ReopenWish.of_json(row.wish),
        requester=row.requester,
        approval=row.approval,
        asked_at=row.asked_at,
        state=ReopeningState(row.state),
        cascade=tuple(row.cascade),
        stale=tuple(row.stale),
        opened_at=row.opened_at,
        open_until=row.open_until,
        why=row.why,
        recertified=tuple(Recertified.of_json(each) for each in row.recertified),
    )
