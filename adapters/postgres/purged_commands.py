"""What remains of purged commands in PostgreSQL; functions of the database take the others away."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.command_rows import text_of
from adapters.postgres.tables_commands import command, command_purged, command_retention
from application.ports.commands import Mark
from domain.commands import CommandState, Key
from domain.commands.purging import OldCommand, PurgedCommand, TenantRetention

_C, _P = command.c, command_purged.c
_PURGE = text(
    "SELECT * FROM purge_commands(CAST(:keys AS jsonb), CAST(:known AS interval))"
).columns(*command_purged.c)  # fmt: skip


class PostgresPurgedCommands:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def get(self, key: Key) -> PurgedCommand | None:
        return (await purged_among(self._session, [key])).get(key)

    async def old(self, sent_before: datetime, after: Mark | None, limit: int) -> list[OldCommand]:
        bound = _C.change_id.is_not(None) | _C.entity.is_not(None)
        said = (_C.domain, _C.command_id, _C.type, _C.schema_version, _C.state, _C.sent_at, _C.ended_at)
        query = select(*said, bound.label("bound")).where(_C.sent_at < sent_before)
        place = tuple_(_C.sent_at, _C.domain, _C.command_id)
        if after is not None:
            query = query.where(place > tuple_(*after))
        rows = await self._session.execute(query.order_by(_C.sent_at, _C.domain, _C.command_id).limit(limit))
        return [
            OldCommand(
                (row.domain, row.command_id), row.type, row.schema_version, CommandState(row.state), row.sent_at,
                row.ended_at, row.bound,
            )
            for row in rows
        ]  # fmt: skip

    async def purge(self, keys: Collection[Key], known: timedelta) -> list[PurgedCommand]:
        said = text_of([{"domain": domain, "command_id": id_} for domain, id_ in keys])
        return [_purged(row) for row in await self._session.execute(_PURGE, {"keys": said, "known": known})]

    async def retention(self) -> TenantRetention:
        row = (await self._session.execute(select(command_retention))).one_or_none()
        return TenantRetention(row.kept_days, row.held_days, row.known_days, row.version) if row else TenantRetention()

    async def put_retention(self, said: TenantRetention) -> bool:
        tenant = command_retention.c.tenant_id
        if said.version == 1:
            new = insert(command_retention).values(tenant_id=self._tenant, **vars(said)).on_conflict_do_nothing()
            return await self._session.scalar(new.returning(tenant)) is not None
        before = command_retention.c.version == said.version - 1
        return (
            await self._session.scalar(update(command_retention).where(before).values(vars(said)).returning(tenant))
            is not None
        )

    async def forget(self, limit: int) -> int:
        asked = text("SELECT forget_purged_commands(:limit)")
        forgotten: int = await self._session.scalar(asked, {"limit": limit})
        return forgotten


async def purged_among(session: AsyncSession, keys: Collection[Key]) -> dict[Key, PurgedCommand]:
    query = select(command_purged).where(
        tuple_(_P.domain, _P.command_id).in_(list(keys)), _P.known_until > func.now()
    )  # fmt: skip
    return {each.key: each for each in map(_purged, await session.execute(query))}


async def tenants(session: AsyncSession, age: timedelta) -> list[UUID]:
    rows = await session.execute(text("SELECT * FROM find_old_commands(CAST(:age AS interval))"), {"age": age})
    return [row.tenant_id for row in rows]


def _purged(row: Row[Any]) -> PurgedCommand:
    return PurgedCommand(
        (row.domain, row.command_id), row.type, row.fingerprint, CommandState(row.state), row.correlation, row.sender,
        row.sent_at, row.ended_at, row.epoch, row.attempt, row.known_until,
    )  # fmt: skip
