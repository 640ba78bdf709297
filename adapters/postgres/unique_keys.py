"""Unique keys of commands in PostgreSQL: two that want one take turns, and an index sees that they did."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.command_rows import record_of, text_of
from adapters.postgres.purged_commands import purged_among
from adapters.postgres.tables_commands import command
from domain.commands import CommandRecord, Key

_C = command.c
# In an order that is everybody's: two that want the same keys never wait for each other.
_TAKE = text(
    "SELECT pg_advisory_xact_lock(number) FROM ("
    " SELECT DISTINCT unique_key_lock(CAST(:tenant AS uuid), domain, key) AS number"
    "   FROM jsonb_to_recordset(CAST(:keys AS jsonb)) AS k (domain text, key text) ORDER BY number) AS numbers"
)


class PostgresUniqueKeys:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def holders(self, keys: Collection[Key]) -> dict[Key, CommandRecord]:
        found: dict[Key, CommandRecord] = {}
        for domain in sorted({domain for domain, _ in keys}):
            wanted = [key for of, key in keys if of == domain]
            query = select(command).where(_C.domain == domain, _C.unique_key == func.any(wanted))
            rows = await self._session.execute(query.where(_C.unique_key.is_not(None), _C.ended_at.is_(None)))
            found |= {(row.domain, row.unique_key): record_of(row) for row in rows}
        return found

    async def take(self, keys: Collection[Key]) -> None:
        said = text_of([{"domain": domain, "key": key} for domain, key in keys])
        await self._session.execute(_TAKE, {"tenant": self._tenant, "keys": said})

    async def sent(self, ids: Collection[Key]) -> frozenset[Key]:
        query = select(_C.domain, _C.command_id).where(tuple_(_C.domain, _C.command_id).in_(list(ids)))
        there = frozenset((row.domain, row.command_id) for row in await self._session.execute(query))
        return there | (await purged_among(self._session, ids)).keys()
