"""What the database itself holds of a reopening: its window ends when nothing runs, and is never made longer."""

import asyncio
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from adapters.postgres.store import PostgresStore
from domain.periods import NotAdjustable, Operation
from tests.closes import Close
from tests.integration.postgres.posting import Line, bind
from tests.reopenings import WHY, Window
from tests.workflow.theatre import now
from tests.world import Clock, world_in


@pytest_asyncio.fixture
async def window(store: PostgresStore) -> Window:
    """March is closed."""
    close = await Close(await world_in(store, Clock(now()))).settle()
    await close.gates("closed", "2025-03")
    return Window(close)


async def run(line: Line, window: Window, statement: str, *values: Any) -> str:
    async with line.transaction():
        await bind(line, window.world.tenant.id)
        return await line.execute(statement, *values)


class TestWindow:
    @pytest.mark.req("FP68")
    async def test_ends_by_the_clock_of_the_database_while_nothing_runs(self, line: Line, window: Window) -> None:
        await window.open()
        await window.post()
        ended = now()
        for table in ("reopened_gate", "period_reopening"):
            await run(line, window, f"UPDATE {table} SET open_until = $1", ended)  # noqa: S608 -- ours
        with pytest.raises(NotAdjustable):
            await window.post()
        await window.close.gates("opened", "2025-03")
        for operation in (Operation.TRANSACTION, Operation.ADJUSTMENT):
            with pytest.raises(NotAdjustable):
                await window.post(operation=operation)
        stand = await window.cases.shutting.due(window.step)
        assert (stand.state.value, stand.why) == ("SHUT", "window_over")
        assert await window.close.stands() == {"AP": "open/none@5", "GL": "open/none@5"}

    async def test_is_never_made_longer(self, line: Line, window: Window) -> None:
        await window.open()
        with pytest.raises(asyncpg.CheckViolationError):
            await run(line, window, "UPDATE reopened_gate SET open_until = open_until + interval '1 second'")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await run(line, window, "UPDATE reopened_gate SET opened_at = opened_at - interval '1 day'")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await run(line, window, "DELETE FROM reopened_gate")
        await run(line, window, "UPDATE reopened_gate SET open_until = open_until - interval '1 second'")

    async def test_of_a_reopening_that_is_over_stays(self, line: Line, window: Window) -> None:
        await window.ask()
        await window.cases.shutting.shut(window.world.fin, window.id, WHY)
        for column in ("wish", "scopes", "requester", "cascade"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await run(line, window, f"UPDATE period_reopening SET {column} = {column}")  # noqa: S608 -- ours
        with pytest.raises(asyncpg.CheckViolationError):
            await run(line, window, "UPDATE period_reopening SET state = 'ASKED'")


class TestWaiting:
    async def test_what_reached_no_process_is_found(self, line: Line, window: Window, store: PostgresStore) -> None:
        asked = await window.ask()
        await run(line, window, "UPDATE period_reopening SET started = false WHERE reopening_id = $1", asked.id)
        found = []
        for _ in range(40):
            found = [each for each in await store.waiting() if each.id == asked.id]
            if found:
                break
            await asyncio.sleep(0.2)
        assert [each.kind.value for each in found] == ["reopening"]
