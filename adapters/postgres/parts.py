"""Parts of rollouts: one row each, which only the rollout's own tenant sees."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres import below
from adapters.postgres.rollouts import PostgresRollouts
from adapters.postgres.tables import rollout
from adapters.postgres.tables_parts import rollout_part
from application.ports.parts import Spot
from application.ports.records import StoredFlag
from application.ports.settings import StoredEntry
from domain.canonical import Json
from domain.changes import Kind
from domain.environments import Environment
from domain.rollouts import Rollout
from domain.rollouts.parts import Part, PartState

_P = rollout_part.c
_MOVING = ("base_version", "live_version", "stage", "state", "revision", "held", "why", "refusals")
_SAVE = (
    update(rollout_part)
    .where(_P.rollout_id == bindparam("of_rollout"), _P.ordinal == bindparam("at"))
    .values({name: bindparam(f"new_{name}", type_=_P[name].type) for name in _MOVING})
)


class PostgresParts:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def add(self, parts: Collection[Part]) -> None:
        if parts:
            await self._session.execute(insert(rollout_part), [self._row(part) for part in parts])

    async def of(self, rollout: UUID, *, upto_stage: int | None = None) -> list[Part]:
        query = select(rollout_part).where(_P.rollout_id == rollout).order_by(_P.ordinal)
        if upto_stage is not None:
            query = query.where(_P.stage <= upto_stage)
        return [_part(row) for row in await self._session.execute(query)]

    async def save(self, *parts: Part) -> None:
        if not parts:
            return
        connection = await self._session.connection()
        rows = [
            {"of_rollout": part.rollout, "at": part.ordinal}
            | {f"new_{name}": getattr(part, name) for name in _MOVING}
            | {"new_state": part.state.value}
            for part in parts
        ]
        await connection.execute(_SAVE, rows)

    async def count(self, rollout: UUID) -> Mapping[PartState, int]:
        query = select(_P.state, func.count()).where(_P.rollout_id == rollout).group_by(_P.state)
        return {PartState(state): found for state, found in await self._session.execute(query)}

    async def newest(self, environment: Environment, spots: Sequence[Spot]) -> Mapping[Spot, int]:
        return await below.newest(self._session, self._tenant, environment, spots)

    async def enter(self, environment: Environment, tenants: Sequence[UUID]) -> Mapping[UUID, tuple[datetime, int]]:
        return await below.enter(self._session, self._tenant, environment, tenants)

    async def values(
        self, environment: Environment, spots: Sequence[Spot], most: int
    ) -> Mapping[Spot, list[StoredEntry]]:  # fmt: skip
        return await below.values(self._session, self._tenant, environment, spots, most)

    async def hold(self, environment: Environment, bases: Mapping[Spot, int]) -> Mapping[Spot, tuple[int, Json]]:
        return await below.hold(self._session, self._tenant, environment, bases)

    async def put_back(self, flags: Sequence[tuple[UUID, StoredFlag]]) -> list[int]:
        return await below.put_back(self._session, self._tenant, flags)

    async def held_by(self, environment: Environment, kind: Kind, key: str) -> list[Rollout]:
        r = rollout.c
        here = (_P.environment == environment, _P.kind == kind.value, _P.key == key, _P.target_tenant == self._tenant)
        query = select(r.rollout_id).join(rollout_part, _P.rollout_id == r.rollout_id).where(*here)
        query = query.where(r.terminal.is_(False)).order_by(r.created_at, r.rollout_id)
        rollouts = PostgresRollouts(self._session, self._tenant)
        found = [await rollouts.get(each) for each in await self._session.scalars(query)]
        return [each for each in found if each is not None]

    def _row(self, part: Part) -> dict[str, Any]:
        return {
            "tenant_id": self._tenant,
            "rollout_id": part.rollout,
            "ordinal": part.ordinal,
            "target_tenant": part.tenant,
            "slug": part.slug,
            "environment": part.environment,
            "kind": part.kind.value,
            "key": part.key,
            **{name: getattr(part, name) for name in _MOVING},
            "state": part.state.value,
        }


def _part(row: Any) -> Part:
    return Part(
        rollout=row.rollout_id,
        ordinal=row.ordinal,
        tenant=row.target_tenant,
        slug=row.slug,
        environment=row.environment,
        kind=Kind(row.kind),
        key=row.key,
        base_version=row.base_version,
        live_version=row.live_version,
        stage=row.stage,
        state=PartState(row.state),
        revision=row.revision,
        held=row.held,
        why=row.why,
        refusals=row.refusals,
    )
