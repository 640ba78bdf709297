"""Breakers in PostgreSQL: a row of the tenant, or one that is shared, for each dependency that ever failed."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, Table, delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables_command_limits import (
    command_breaker,
    command_breaker_operation,
    command_dependency,
    command_shared_breaker,
)
from domain.commands import CommandType
from domain.commands.breakers import Breaker, BreakerAct, BreakerOperation, BreakerState
from domain.commands.dependencies import Dependence, newest
from domain.commands.limits import LimitScope

_O = command_breaker_operation.c


class PostgresCommandBreakers:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def some(self, dependencies: Collection[str] | None = None) -> list[Breaker]:
        found = []
        for scope in LimitScope:
            query = select(_table(scope)).order_by(_table(scope).c.dependency)
            if dependencies is not None:
                query = query.where(_table(scope).c.dependency.in_(sorted(dependencies)))
            found += [_breaker(row, scope) for row in await self._session.execute(query)]
        return sorted(found, key=lambda each: (each.dependency, each.scope.value))

    async def troubled(self) -> list[Breaker]:
        ours = command_breaker.c
        query = select(command_breaker).where(or_(ours.state != BreakerState.CLOSED.value, ours.failures > 0))
        rows = await self._session.execute(query.order_by(ours.dependency))
        return [_breaker(row, LimitScope.TENANT) for row in rows]

    async def depending(self) -> list[Dependence]:
        rows = await self._session.execute(select(command_dependency).order_by(command_dependency.c.type))
        return [Dependence(row.type, row.dependency, LimitScope(row.scope), row.apart) for row in rows]

    async def lock(self, dependency: str, scope: LimitScope) -> Breaker:
        table = _table(scope)
        own = {"tenant_id": self._tenant} if scope is LimitScope.TENANT else {}
        new = {**own, "dependency": dependency, "state": "closed", "failures": 0, "rests": 0, "version": 0}
        await self._session.execute(insert(table).values(new).on_conflict_do_nothing())
        row = (await self._session.execute(_one(table, dependency).with_for_update())).one()
        return _breaker(row, scope)

    async def lock_free(self, dependency: str, scope: LimitScope) -> Breaker | None:
        query = _one(_table(scope), dependency).with_for_update(skip_locked=True)
        row = (await self._session.execute(query)).one_or_none()
        return _breaker(row, scope) if row else None

    async def save(self, breaker: Breaker) -> None:
        table = _table(breaker.scope)
        values = {
            "state": breaker.state.value, "failures": breaker.failures, "rests": breaker.rests,
            "held_until": breaker.until, "since": breaker.since, "reason": breaker.reason, "opened_by": breaker.by,
            "version": breaker.version,
        }  # fmt: skip
        await self._session.execute(update(table).where(table.c.dependency == breaker.dependency).values(values))

    async def operation(self, id_: UUID) -> BreakerOperation | None:
        row = (
            await self._session.execute(select(command_breaker_operation).where(_O.operation_id == id_))
        ).one_or_none()
        if row is None:
            return None
        return BreakerOperation(
            row.operation_id, row.dependency, BreakerAct(row.act), row.actor, row.reason, row.digest,
            BreakerState(row.state), row.version, row.at,
        )  # fmt: skip

    async def add_operation(self, operation: BreakerOperation) -> bool:
        row = {name: value for name, value in vars(operation).items() if name != "id"}
        row |= {"tenant_id": self._tenant, "operation_id": operation.id}
        new = insert(command_breaker_operation).values(row).on_conflict_do_nothing().returning(_O.operation_id)
        return (await self._session.execute(new)).one_or_none() is not None


async def put_dependencies(session: AsyncSession, types: Sequence[CommandType]) -> None:
    for name, policy in newest(types).items():
        depends = Dependence.of(name, policy)
        if depends is None:
            await session.execute(delete(command_dependency).where(command_dependency.c.type == name))
            continue
        said = {"dependency": depends.name, "scope": depends.scope.value, "apart": depends.apart}
        new = insert(command_dependency).values(type=name, **said)
        await session.execute(new.on_conflict_do_update(index_elements=[command_dependency.c.type], set_=said))


def _table(scope: LimitScope) -> Table:
    return command_breaker if scope is LimitScope.TENANT else command_shared_breaker


def _one(table: Table, dependency: str) -> Select[Any]:
    return select(table).where(table.c.dependency == dependency)


def _breaker(row: Row[Any], scope: LimitScope) -> Breaker:
    return Breaker(
        row.dependency, scope, BreakerState(row.state), row.failures, row.rests, row.held_until, row.since,
        row.reason, row.opened_by, row.version,
    )  # fmt: skip
