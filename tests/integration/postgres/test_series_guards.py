"""What the database itself holds of a series: what it closed stays closed in it, and what is over does not change."""

from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from adapters.postgres.store import PostgresStore
from domain.closures import RunState
from domain.closures.series import Member, Series
from tests.closes import ENTITY, MARCH, Close
from tests.integration.postgres.posting import Line, bind
from tests.workflow.theatre import now
from tests.world import Clock, world_in


@pytest_asyncio.fixture
async def close(store: PostgresStore) -> Close:
    return await Close(await world_in(store, Clock(now()))).settle()


async def kept(close: Close, *, closed: bool = False) -> Series:
    """Of March and April; March is closed by a run."""
    places = [await close.place(period) for period in (MARCH, "2025-04")]
    members = tuple(Member(ENTITY, place.id, place.code) for place in places)
    series = Series(uuid4(), close.world.tenant.id, close.world.fin.id, "month end", now(), members)
    run = await close.ask() if closed else None
    async with close.transaction() as tx:
        await tx.closure_series.add(series)
        if run is not None:
            begun = members[0].begun(run.id, joined=True)
            await tx.closure_series.save(series.moved(begun))
            await tx.closure_series.save(series.moved(begun.ended(RunState.CLOSED)))
    return series


async def run(line: Line, tenant: UUID, statement: str, *values: Any) -> str:
    async with line.transaction():
        await bind(line, tenant)
        return await line.execute(statement, *values)


class TestSeries:
    async def test_keeps_closed_what_it_closed(self, line: Line, close: Close) -> None:
        series = await kept(close, closed=True)
        for change in ("state = 'waiting'", "run_id = NULL", "why = 'again'"):
            with pytest.raises(asyncpg.CheckViolationError):
                await run(line, series.tenant, f"UPDATE closure_series_member SET {change} WHERE state = 'closed'")  # noqa: S608 -- ours

    async def test_does_not_change_once_it_is_over(self, line: Line, close: Close) -> None:
        series = await kept(close)
        async with close.transaction() as tx:
            await tx.closure_series.save(series.aborted("aborted", close.world.fin.id, "wrong month"))
        for change in ("state = 'RUNNING'", "abort_reason = ''", "requester = gen_random_uuid()"):
            with pytest.raises(asyncpg.CheckViolationError):
                await run(line, series.tenant, f"UPDATE closure_series SET {change}")  # noqa: S608 -- ours

    async def test_is_not_named_otherwise_afterwards_and_not_removed(self, line: Line, close: Close) -> None:
        series = await kept(close)
        for statement in (
            "UPDATE closure_series SET reason = 'another'",
            "UPDATE closure_series_member SET period_code = '2025-05'",
            "UPDATE closure_series_member SET after = '{}'",
            "DELETE FROM closure_series_member",
            "DELETE FROM closure_series",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await run(line, series.tenant, statement)

    async def test_is_nobody_elses(self, line: Line, close: Close, store: PostgresStore) -> None:
        series = await kept(close)
        other = await world_in(store, Clock(now()))
        async with store.transaction(other.tenant.id) as tx:
            assert await tx.closure_series.get(series.id) is None
            assert await tx.closure_series.page(None, 10) == []
        assert await run(line, other.tenant.id, "UPDATE closure_series SET why = 'seen'") == "UPDATE 0"
        assert await run(line, other.tenant.id, "UPDATE closure_series_member SET why = 'seen'") == "UPDATE 0"
