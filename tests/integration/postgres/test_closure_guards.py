"""What the tables of closes refuse whoever writes to them, in raw SQL as the product's own login."""

from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from adapters.postgres.store import PostgresStore
from tests.closes import Close
from tests.integration.postgres.posting import Line, bind
from tests.world import Clock, world_in

APPEND_ONLY = ["closure_template", "closure_step", "closure_task_dependency", "closure_certificate", "closure_evidence"]
TABLES = [*APPEND_ONLY, "closure_run", "closure_task", "task_signoff", "check_result"]


@pytest_asyncio.fixture
async def close(store: PostgresStore) -> Close:
    """Its tasks are to be done."""
    close = await Close(await world_in(store, Clock())).settle()
    await close.template(close.task("count"), close.task("sign", after=["count"]))
    await close.frozen(template="month-end")
    return close


async def run(line: Line, close: Close, statement: str, *values: Any) -> str:
    async with line.transaction():
        await bind(line, close.world.tenant.id)
        return await line.execute(statement, *values)


class TestHistory:
    @pytest.mark.parametrize("table", APPEND_ONLY)
    async def test_is_not_rewritten(self, line: Line, close: Close, table: str) -> None:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await run(line, close, f"UPDATE {table} SET tenant_id = tenant_id")  # noqa: S608 -- ours
        if table != "closure_evidence":
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await run(line, close, f"DELETE FROM {table}")  # noqa: S608 -- ours

    async def test_of_what_was_asked_for_stays(self, line: Line, close: Close) -> None:
        for column in ("entity", "period_id", "scopes", "requester", "attempt"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await run(line, close, f"UPDATE closure_run SET {column} = {column}")  # noqa: S608 -- ours
        for column in ("owner", "reviewer", "plan"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await run(line, close, f"UPDATE closure_task SET {column} = {column}")  # noqa: S608 -- ours


class TestRuns:
    async def test_that_are_over_do_not_begin_again(self, line: Line, close: Close) -> None:
        await run(line, close, "UPDATE closure_run SET state = 'ABORTED'")
        with pytest.raises(asyncpg.CheckViolationError):
            await run(line, close, "UPDATE closure_run SET state = 'TASKS'")

    async def test_whose_gates_are_closed_are_not_taken_back(self, line: Line, close: Close) -> None:
        await run(line, close, "UPDATE closure_run SET state = 'NOTIFYING', closed_at = now()")
        with pytest.raises(asyncpg.CheckViolationError):
            await run(line, close, "UPDATE closure_run SET state = 'ABORTED', closed_at = NULL")
        await run(line, close, "UPDATE closure_run SET state = 'CLOSED'")

    async def test_are_closed_at_some_moment(self, line: Line, close: Close) -> None:
        with pytest.raises(asyncpg.CheckViolationError):
            await run(line, close, "UPDATE closure_run SET state = 'NOTIFYING'")


class TestTenants:
    @pytest.mark.req("FP43")
    @pytest.mark.parametrize("table", TABLES)
    async def test_see_only_their_own(self, line: Line, close: Close, store: PostgresStore, table: str) -> None:
        stranger = await world_in(store, Clock())
        async with line.transaction():
            await bind(line, stranger.tenant.id)
            assert await line.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608 -- ours
        assert await line.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608 -- ours
