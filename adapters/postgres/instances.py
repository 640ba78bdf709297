"""Instances are written many at a time, and counted where they are."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables_events import event
from adapters.postgres.tables_instances import instance
from application.ports.instances import Written
from domain.changes import Kind
from domain.environments import Environment
from domain.instances import Convergence, Holds, Instance, Wish

_REPORTED = text(
    "INSERT INTO instance AS i (tenant_id, environment, name, flags, settings, seen_at)"
    " SELECT CAST(:tenant AS uuid), CAST(u.environment AS environment), u.name, u.flags, u.settings, u.seen_at"
    " FROM unnest(CAST(:environments AS text[]), CAST(:names AS text[]), CAST(:flags AS bigint[]),"
    " CAST(:settings AS bigint[]), CAST(:seen AS timestamptz[])) AS u (environment, name, flags, settings, seen_at)"
    " ORDER BY u.environment, u.name"  # two processes that report the same ones do not wait for each other in a ring
    " ON CONFLICT (tenant_id, environment, name) DO UPDATE SET flags = coalesce(excluded.flags, i.flags),"
    " settings = coalesce(excluded.settings, i.settings), seen_at = excluded.seen_at"
    " WHERE i.seen_at <= excluded.seen_at"
)
_FORGOTTEN = text(
    "DELETE FROM instance WHERE (environment, name) IN"
    " (SELECT environment, name FROM instance ORDER BY seen_at DESC, environment, name OFFSET :most)"
)
_GONE = text(
    "DELETE FROM instance WHERE (environment, name) IN (SELECT CAST(u.environment AS environment), u.name"
    " FROM unnest(CAST(:environments AS text[]), CAST(:names AS text[])) AS u (environment, name))"
)
_CONVERGED = text(
    "SELECT * FROM count_converged(CAST(:tenants AS uuid[]), CAST(:environments AS text[]), CAST(:flags AS bigint[]),"
    " CAST(:settings AS bigint[]), CAST(:since AS timestamptz))"
)


class PostgresInstances:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def report(self, seen: Sequence[Instance], *, most: int) -> None:
        if not seen:
            return
        columns: dict[str, Any] = {
            "environments": [each.environment.value for each in seen],
            "names": [each.name for each in seen],
            "flags": [each.holds.flags for each in seen],
            "settings": [each.holds.settings for each in seen],
            "seen": [each.seen_at for each in seen],
        }
        await self._session.execute(_REPORTED, {"tenant": self._tenant, **columns})
        await self._session.execute(_FORGOTTEN, {"most": most})

    async def forget(self, named: Collection[tuple[Environment, str]]) -> None:
        if named:
            places = sorted(named)
            columns = {"environments": [each.value for each, _ in places], "names": [name for _, name in places]}
            await self._session.execute(_GONE, columns)

    async def page(
        self, environment: Environment, kind: Kind, since: datetime, after: str, limit: int
    ) -> list[Instance]:  # fmt: skip
        i = instance.c
        wanted = select(instance).where(
            i.environment == environment, i.seen_at >= since, i.name > after, _held(kind).is_not(None)
        )  # fmt: skip
        rows = await self._session.execute(wanted.order_by(i.name).limit(limit))
        return [Instance(row.environment, row.name, Holds(row.flags, row.settings), row.seen_at) for row in rows]

    async def tally(self, environment: Environment, kind: Kind, since: datetime) -> dict[int, int]:
        i = instance.c
        held = _held(kind)
        wanted = select(held, func.count()).where(
            i.environment == environment, i.seen_at >= since, held.is_not(None)
        )  # fmt: skip
        return {int(revision): int(count) for revision, count in await self._session.execute(wanted.group_by(held))}

    async def converged(self, wishes: Sequence[Wish], since: datetime) -> Convergence:
        columns: dict[str, Any] = {
            "tenants": [each.tenant for each in wishes],
            "environments": [each.environment.value for each in wishes],
            "flags": [each.flags for each in wishes],
            "settings": [each.settings for each in wishes],
        }
        row = (await self._session.execute(_CONVERGED, {**columns, "since": since})).one()
        return Convergence(int(row.live), int(row.holding))

    async def written(self, environment: Environment, kind: Kind, key: str, limit: int) -> list[Written]:
        e = event.c
        mine = e.type.like("FeatureFlag%") if kind is Kind.FLAG else (e.type == "SettingChanged")
        wanted = select(e.epoch, e.version).where(
            mine, e.environment == environment, e.key == key, e.epoch.is_not(None), e.version.is_not(None)
        )  # fmt: skip
        if kind is not Kind.FLAG:
            wanted = wanted.where(e.scope == "")
        rows = await self._session.execute(wanted.order_by(e.position.desc()).limit(limit))
        return [Written(int(row.epoch), int(row.version)) for row in rows]


def _held(kind: Kind) -> Column[Any]:
    return instance.c.flags if kind is Kind.FLAG else instance.c.settings
