"""Limits of commands in PostgreSQL: whoever finds a bucket locked goes on without what is in it."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Table, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables_command_limits import command_bucket, command_shared_bucket
from adapters.postgres.tables_commands import command
from domain.commands.limits import Bucket, Limit, LimitScope

_COUNT_ALL = text("SELECT * FROM count_leased_commands(:types)")


class PostgresCommandLimits:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def take(self, limits: Sequence[Limit]) -> dict[str, Bucket]:
        taken: dict[str, Bucket] = {}
        for scope in LimitScope:
            asked = {each.type: each for each in limits if each.scope is scope}
            if asked:
                taken |= await self._taken(self._table(scope), asked)
        return taken

    async def _taken(self, table: Table, asked: Mapping[str, Limit]) -> dict[str, Bucket]:
        query = select(table.c.type, table.c.tokens, table.c.filled_at).where(table.c.type.in_(sorted(asked)))
        free = list(await self._session.execute(query.order_by(table.c.type).with_for_update(skip_locked=True)))
        if len(free) < len(asked):
            free += await self._made(
                table, [each for each in asked.values() if each.type not in {r.type for r in free}]
            )
        return {row.type: Bucket(row.tokens, row.filled_at) for row in free}

    async def _made(self, table: Table, missing: Sequence[Limit]) -> list[Any]:
        """Those that there were not; what another has locked is there."""
        own = {"tenant_id": self._tenant} if "tenant_id" in table.c else {}
        now = func.now()
        new = insert(table).values(
            [{**own, "type": each.type, "tokens": float(each.burst), "filled_at": now} for each in missing]
        )
        made = new.on_conflict_do_nothing().returning(table.c.type, table.c.tokens, table.c.filled_at)
        return list(await self._session.execute(made))

    async def put(self, limits: Sequence[Limit], buckets: Mapping[str, Bucket]) -> None:
        for scope in LimitScope:
            table = self._table(scope)
            rows = [
                {"of": each.type, "left": buckets[each.type].tokens, "then": buckets[each.type].at}
                for each in limits
                if each.scope is scope and each.type in buckets
            ]
            if rows:
                left: dict[str, Any] = {"tokens": bindparam("left"), "filled_at": bindparam("then")}
                statement = update(table).where(table.c.type == bindparam("of")).values(left)
                await (await self._session.connection()).execute(statement, rows)

    async def leased(self, limits: Sequence[Limit]) -> dict[str, int]:
        own = [each.type for each in limits if each.scope is LimitScope.TENANT]
        shared = [each.type for each in limits if each.scope is LimitScope.EVERYWHERE]
        found: dict[str, int] = {}
        if own:
            counted = func.count().label("leased")
            query = select(command.c.type, counted).where(command.c.lease.is_not(None), command.c.type.in_(own))
            found |= {row.type: row.leased for row in await self._session.execute(query.group_by(command.c.type))}
        if shared:
            rows = await self._session.execute(_COUNT_ALL, {"types": shared})
            found |= {row.type: row.leased for row in rows}
        return found

    async def apart(self) -> dict[str, int]:
        leased = command.c.lease.is_not(None), command.c.dependency != ""
        query = select(command.c.dependency, func.count().label("leased")).where(*leased)
        return {row.dependency: row.leased for row in await self._session.execute(query.group_by(command.c.dependency))}

    def _table(self, scope: LimitScope) -> Table:
        return command_bucket if scope is LimitScope.TENANT else command_shared_bucket
