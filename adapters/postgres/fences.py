"""Fences of remote modules; what a gate was at the epoch of one is read from the gate's history."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, any_, bindparam, literal, or_, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables_calendars import fiscal_period
from adapters.postgres.tables_fences import module_fence, remote_module
from adapters.postgres.tables_periods import period_gate_history
from application.ports.fences import FenceFilter
from domain.errors import AlreadyExists, Stale
from domain.fences import Acknowledgement, Fence, FencedPeriod, FenceState, RemoteModule
from domain.fences.fence import OUTSTANDING
from domain.periods import GateKey, PeriodGate, Posting, Status

_M, _F, _H, _P = remote_module.c, module_fence.c, period_gate_history.c, fiscal_period.c
_MOVING = ("name", "speaker", "entities", "in_service", "version", "told_by")
_SETTLING = ("run", "state", "attempts", "acknowledgement", "settled_at", "settled_by", "reason", "command")
_GATE = ("entity", "period_id", "scope", "epoch")
_DAY = timedelta(days=1)


class PostgresFences:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def module(self, code: str, *, lock: bool = False) -> RemoteModule | None:
        query = select(remote_module).where(_M.code == code)
        row = (await self._session.execute(query.with_for_update(key_share=True) if lock else query)).one_or_none()
        return _module(row) if row else None

    async def modules(self, after: str, limit: int) -> list[RemoteModule]:
        query = select(remote_module).where(_M.code > after).order_by(_M.code).limit(limit)
        return [_module(row) for row in await self._session.execute(query)]

    async def serving(self, entity: str, scope: str) -> list[RemoteModule]:
        whose = or_(_M.entities == [], literal(entity) == any_(_M.entities))
        query = select(remote_module).where(_M.scope == scope, _M.in_service, whose).order_by(_M.code)
        return [_module(row) for row in await self._session.execute(query.with_for_update(key_share=True))]

    async def put_module(self, module: RemoteModule) -> None:
        row = {**vars(module), "entities": sorted(module.entities)}
        if module.version == 1:
            wanted: Any = upsert(remote_module).values(tenant_id=self._tenant, **row).on_conflict_do_nothing()
        else:
            old = (_M.code == module.code, _M.version == module.version - 1)
            wanted = update(remote_module).where(*old).values({name: row[name] for name in _MOVING})
        if await self._session.scalar(wanted.returning(_M.version)) is None:
            raise Stale(expected=module.version - 1)

    async def add(self, *fences: Fence) -> None:
        if not fences:
            return
        new = upsert(module_fence).on_conflict_do_nothing(constraint="one_fence_of_an_epoch").returning(_F.fence_id)
        added = await self._session.scalars(new, [self._row(each) for each in fences])
        if len(added.all()) < len(fences):
            raise AlreadyExists

    async def save(self, *fences: Fence) -> None:
        if fences:
            moved = update(module_fence).where(_F.fence_id == bindparam("fence"))
            await self._session.execute(moved, [{"fence": each.id, **_settling(each)} for each in fences])

    async def get(self, fence: UUID) -> Fence | None:
        found = await self._fences(_whole().where(_F.fence_id == fence))
        return found[0] if found else None

    async def newest(self, module: str, key: GateKey) -> Fence | None:
        of_gate = (_F.entity == key.entity, _F.period_id == key.period, _F.scope == key.scope)
        query = _whole().where(_F.module == module, *of_gate).order_by(_F.epoch.desc()).limit(1)
        found = await self._fences(query)
        return found[0] if found else None

    async def newest_at(self, keys: Collection[GateKey]) -> dict[tuple[str, GateKey], Fence]:
        places = tuple_(_F.entity, _F.period_id, _F.scope)
        wanted = places.in_([(key.entity, key.period, key.scope) for key in keys])
        one = (_F.module, _F.entity, _F.period_id, _F.scope)
        found = await self._fences(_whole().where(wanted).ext(distinct_on(*one)).order_by(*one, _F.epoch.desc()))
        return {(each.module, each.gate.key): each for each in found}

    async def of_run(self, run: UUID) -> list[Fence]:
        return await self._fences(_whole().where(_F.run == run).order_by(_F.scope, _F.module, _F.epoch))

    async def page(self, wanted: FenceFilter, before: tuple[datetime, UUID] | None, limit: int) -> list[Fence]:
        query = _whole()
        for column, value in ((_F.module, wanted.module), (_F.state, wanted.state), (_F.run, wanted.run)):
            query = query if value is None else query.where(column == value)
        if wanted.outstanding:
            query = query.where(_F.state.in_(sorted(OUTSTANDING)))
        if before is not None:
            query = query.where(tuple_(_F.asked_at, _F.fence_id) < tuple_(*before))
        return await self._fences(query.order_by(_F.asked_at.desc(), _F.fence_id.desc()).limit(limit))

    async def assert_epoch(self, module: str, entity: str, period: UUID, epoch: int) -> None:
        asked = {"tenant": self._tenant, "module": module, "entity": entity, "period": period, "epoch": epoch}
        await self._session.execute(
            text("SELECT fiscal.assert_epoch_v1(:tenant, :module, :entity, :period, CAST(:epoch AS bigint))"), asked
        )

    def _row(self, fence: Fence) -> dict[str, Any]:
        key = fence.gate.key
        return {
            "tenant_id": self._tenant,
            "fence_id": fence.id,
            "module": fence.module,
            "entity": key.entity,
            "period_id": key.period,
            "scope": key.scope,
            "epoch": fence.epoch,
            "period_code": fence.period.code,
            "asked_at": fence.asked_at,
            **_settling(fence),
        }

    async def _fences(self, query: Select[Any]) -> list[Fence]:
        return [_fence(row) for row in await self._session.execute(query)]


def _whole() -> Select[Any]:
    gate = [getattr(_F, name) == getattr(_H, name) for name in _GATE]
    moved = [_H.status, _H.posting, _H.changed_by, _H.changed_at, _H.reason.label("why")]
    return (
        select(module_fence, *moved, _P.name, _P.span)
        .join(period_gate_history, and_(*gate))
        .join(fiscal_period, _P.period_id == _F.period_id)
    )


def _settling(fence: Fence) -> dict[str, Any]:
    told = fence.acknowledgement
    row = {name: getattr(fence, name) for name in _SETTLING}
    return {**row, "state": fence.state.value, "acknowledgement": told.to_json() if told else None}


def _module(row: Any) -> RemoteModule:
    return RemoteModule(
        row.code, row.name, row.scope, row.speaker, frozenset(row.entities), row.in_service, row.version, row.told_by
    )  # fmt: skip


def _fence(row: Any) -> Fence:
    key = GateKey(row.entity, row.period_id, row.scope)
    gate = PeriodGate(
        key, Status(row.status), Posting(row.posting), row.epoch, row.changed_by, row.changed_at, row.why
    )  # fmt: skip
    period = FencedPeriod(row.period_id, row.period_code, row.name, row.span.lower, row.span.upper - _DAY)
    said = Acknowledgement.of_json(row.acknowledgement) if row.acknowledgement else None
    return Fence(
        row.fence_id, row.module, gate, period, row.run, row.asked_at, row.attempts, FenceState(row.state), said,
        row.settled_at, row.settled_by, row.reason, row.command,
    )  # fmt: skip
