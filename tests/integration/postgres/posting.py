"""Raw SQL that posts, closes and looks, each in a connection of its own."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import pytest

from domain.periods import GateKey, PostingException
from tests.contract.books import Kept

Line: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
ASSERT = "SELECT * FROM fiscal.assert_postable_v1($1, $2, $3, $4, $5, $6, $7, $8)"
HOLD = "SELECT fiscal.hold_gates_v1($1, $2, $3, $4)"


@contextmanager
def refused(state: str) -> Iterator[pytest.ExceptionInfo[asyncpg.PostgresError]]:
    with pytest.raises(asyncpg.PostgresError) as raised:
        yield raised
    assert raised.value.sqlstate == state, raised.value


async def assert_postable(line: Line, books: Kept, **given: Any) -> asyncpg.Record:
    whole: dict[str, Any] = {
        "tenant": books.home.tenant.id, "entity": "de", "scope": "AP", "operation": "transaction",
        "day": date(2024, 3, 15), "actor": books.people["viv"].id, "run_token": None, "period": None,
    }  # fmt: skip
    found = await line.fetchrow(ASSERT, *{**whole, **given}.values())
    assert found is not None
    return found


async def bind(line: Line, tenant: UUID) -> None:
    await line.execute("SELECT set_config('app.tenant_id', $1, true)", str(tenant))


async def hold(line: Line, tenant: UUID, *keys: GateKey) -> None:
    columns = [[key.entity for key in keys], [key.period for key in keys], [key.scope for key in keys]]
    await line.execute(HOLD, tenant, *columns)


async def close(line: Line, books: Kept, key: GateKey, *, isolation: Any = "read_committed") -> None:
    async with line.transaction(isolation=isolation):
        await bind(line, books.home.tenant.id)
        await hold(line, books.home.tenant.id, key)
        await line.execute(
            "UPDATE period_gate SET status = 'closed', posting = 'none', epoch = epoch + 1 "
            "WHERE entity = $1 AND period_id = $2 AND scope = $3",
            key.entity, key.period, key.scope,
        )  # fmt: skip


@dataclass
class Lines:
    """Connections of the product's own login."""

    url: str

    @asynccontextmanager
    async def another(self) -> AsyncIterator[Line]:
        connection = await asyncpg.connect(self.url)
        try:
            yield connection
        finally:
            await connection.close()

    async def until_it_waits(self, waiting: Line) -> None:
        """A lock that somebody else has."""
        async with self.another() as watcher:
            while not await watcher.fetchval("SELECT cardinality(pg_blocking_pids($1))", waiting.get_server_pid()):
                await watcher.execute("SELECT pg_sleep(0.01)")

    async def until_somebody_waits_for(self, holding: Line) -> None:
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))"
        async with self.another() as watcher:
            while not await watcher.fetchval(waiting, holding.get_server_pid()):
                await watcher.execute("SELECT pg_sleep(0.01)")


async def granted(books: Kept, number: int = 3, **given: Any) -> PostingException:
    made = books.exception(books.key(number), **given)
    async with books.home.transaction() as tx:
        await tx.periods.grant(made)
    return made
