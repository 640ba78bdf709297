"""What waits for a person is found through its own indexes, and what people decided is never rewritten."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.parked_commands import largest, newest
from adapters.postgres.store import PostgresStore
from application.ports.parked import ParkedFilter
from domain.commands import ParkedKind
from tests.contract.homes import Home, moved_in
from tests.contract.test_store_parked_commands import decided, park
from tests.integration.postgres.test_command_guards import FILL, nodes

HERE = (datetime(2026, 2, 1, 1, tzinfo=UTC), "ledger", "c3600")
QUESTIONS: dict[str, Select[Any]] = {
    "nothing": newest(ParkedFilter(), HERE, 50),
    "type and kind": newest(ParkedFilter("ledger", "ledger.close-book", ParkedKind.PERMANENT), None, 50),
    "awake": newest(ParkedFilter(snoozed=False), None, 50),
    "cause": newest(ParkedFilter(cause="cause-3"), HERE, 50),
    "causes": largest(ParkedFilter(), None, 50),
    "causes of a type": largest(ParkedFilter(type="ledger.close-book", snoozed=False), (3, "cause-3"), 50),
}
PARKED_OF_ONE = 200


@pytest_asyncio.fixture(scope="module")
async def filled(store: PostgresStore, stack: Any) -> Home:
    """Three tenants with ten thousand commands each; of each two hundred are parked, for seven causes."""
    homes = [await moved_in(store) for _ in range(3)]
    line = await asyncpg.connect(stack.endpoints.database_superuser_url)
    try:
        await line.execute(FILL, [each.tenant.id for each in homes], 10_000)
        await line.execute("VACUUM ANALYZE command")
    finally:
        await line.close()
    return homes[1]


class TestQuestions:
    @pytest.mark.req("CB-39", "CB-D11")
    @pytest.mark.parametrize("asked", QUESTIONS)
    async def test_are_answered_through_the_parked_alone(
        self, filled: Home, engine: AsyncEngine, line: asyncpg.Connection, asked: str
    ) -> None:
        written = QUESTIONS[asked].compile(dialect=engine.dialect, compile_kwargs={"literal_binds": True})
        async with line.transaction():
            await line.execute("SELECT set_config('app.tenant_id', $1, true)", str(filled.tenant.id))
            found = await line.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {written}")
        scans = [node for node in nodes(json.loads(found)[0]["Plan"]) if node.get("Relation Name") == "command"]
        assert {node["Node Type"] for node in scans} <= {"Index Scan", "Index Only Scan", "Bitmap Heap Scan"}, found
        read = sum(node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in scans)
        assert read <= 2 * PARKED_OF_ONE, found


class TestOperations:
    async def test_are_never_rewritten_or_removed(self, store: PostgresStore, line: asyncpg.Connection) -> None:
        home = await moved_in(store)
        record = await park(home, "1")
        async with home.transaction() as tx:
            assert await tx.commands.parked.add_operation(decided(record))
        await line.execute("SELECT set_config('app.tenant_id', $1, false)", str(home.tenant.id))
        for statement in ("UPDATE command_operation SET reason = 'another reason'", "DELETE FROM command_operation"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await line.execute(statement)

    async def test_are_seen_by_their_tenant_alone(self, store: PostgresStore, line: asyncpg.Connection) -> None:
        home = await moved_in(store)
        record = await park(home, "1")
        operation = decided(record)
        async with home.transaction() as tx:
            assert await tx.commands.parked.add_operation(operation)
        await line.execute("SELECT set_config('app.tenant_id', $1, false)", str(uuid4()))
        assert await line.fetchval("SELECT count(*) FROM command_operation") == 0
        theirs = await moved_in(store)
        async with theirs.transaction() as tx:
            assert await tx.commands.parked.operation(operation.id) is None
