"""The cut-off of a close, raced for: the same race that a mere look loses is what the guard must win."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.embedded.stack import Stack
from adapters.postgres.store import PostgresStore
from benchmarks.cut_off import ISOLATIONS, Isolation, Line, Race, Refused, run
from benchmarks.gated import GONE, JOURNALS, opened
from domain.periods import CloserIsolation
from tests.chaos.conftest import eventually
from tests.chaos.cutting_off import RealGate
from tests.conftest import House

WAITING = ("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND "
           "((classid::bigint << 32) | objid::bigint) = fiscal.gate_lock($1, $2, $3, $4)")  # fmt: skip


@pytest_asyncio.fixture(scope="module")
async def journals(stack: Stack, database_url: str) -> AsyncIterator[Line]:
    """Theirs for as long as the tests of this module; with a line that sees the locks."""
    line = await asyncpg.connect(stack.endpoints.database_superuser_url)
    await line.execute(JOURNALS)
    yield line
    await line.execute(GONE)
    await line.close()


@pytest_asyncio.fixture
async def gate(store: PostgresStore, house: House, journals: Line) -> RealGate:
    return RealGate(store, house, (await opened(store, house.id, house.root.id)).key)


@pytest_asyncio.fixture
async def lines(database_url: str) -> AsyncIterator[list[Line]]:
    async with AsyncExitStack() as stack:
        found = [await asyncpg.connect(database_url) for _ in range(2)]
        for each in found:
            stack.push_async_callback(each.close)
        yield found


class TestRace:
    @pytest.mark.req("FP37")
    @pytest.mark.parametrize("isolation", ISOLATIONS)
    async def test_no_posting_slips_behind_a_close(
        self, gate: RealGate, database_url: str, isolation: Isolation
    ) -> None:
        score = await run(database_url, gate, Race(isolation))
        assert (score.verdict.broken, score.verdict.rows_off) == (0, 0)
        assert score.verdict.closes >= 30
        assert score.posted > score.verdict.closes
        assert score.closer_aborts == 0

    @pytest.mark.req("FP37")
    @pytest.mark.parametrize("isolation", ISOLATIONS)
    async def test_a_mere_look_loses_the_same_race(
        self, gate: RealGate, database_url: str, isolation: Isolation
    ) -> None:
        """Or the race would prove nothing."""
        gate.guarded = False
        score = await run(database_url, gate, Race(isolation, seconds=2.0))
        assert score.verdict.closes >= 30
        assert score.verdict.broken > score.verdict.closes / 2
        assert score.verdict.rows_off >= score.verdict.broken


class TestCloser:
    @pytest.mark.req("FP37")
    @pytest.mark.parametrize("isolation", ["REPEATABLE READ", "SERIALIZABLE"])
    async def test_with_a_snapshot_of_before_is_refused(
        self, gate: RealGate, engine: AsyncEngine, isolation: str
    ) -> None:
        gate.store = PostgresStore(engine.execution_options(isolation_level=isolation))
        with pytest.raises(CloserIsolation):
            await gate.close()

    @pytest.mark.req("FP38")
    async def test_waits_for_a_posting_under_way_and_counts_it(
        self, gate: RealGate, lines: list[Line], journals: Line
    ) -> None:
        early, late = lines
        posting = early.transaction()
        await posting.start()
        await gate.post(early)
        closing = asyncio.create_task(gate.close())
        await eventually(lambda: _waiting(journals, gate, 1))
        behind = asyncio.create_task(_post(gate, late))
        await eventually(lambda: _waiting(journals, gate, 2))
        assert not closing.done()
        await posting.commit()
        await closing
        assert await behind == "refused"
        found = await gate.verdict()
        assert (found.closes, found.broken) == (1, 0)
        assert await _counted(journals, gate) == [(1, 1)]

    @pytest.mark.req("FP38")
    async def test_what_comes_after_it_is_refused_or_of_the_next_epoch(
        self, gate: RealGate, lines: list[Line], journals: Line
    ) -> None:
        early, late = lines
        await _post(gate, early)
        await gate.close()
        assert await _post(gate, late) == "refused"
        await gate.reopen()
        assert await _post(gate, late) == "posted"
        rows = await journals.fetch("SELECT epoch FROM cut_off.guarded WHERE tenant_id = $1 ORDER BY id", gate.house.id)
        assert [row["epoch"] for row in rows] == [1, 3]
        assert (await gate.verdict()).broken == 0

    @pytest.mark.req("FP39")
    async def test_gets_through_while_forty_keep_posting(self, gate: RealGate, database_url: str) -> None:
        """It comes neither last nor late: everybody posted before it, and goes on afterwards."""
        gate.pause = 0.02
        over = asyncio.Event()
        counts = [0] * 40
        async with asyncio.TaskGroup() as group:
            posters = [group.create_task(_keep_posting(gate, database_url, counts, n, over)) for n in range(40)]
            await eventually(lambda: _all_moved(counts, [0] * 40))
            await gate.close()
            assert not any(each.done() for each in posters)
            await gate.reopen()
            before = list(counts)
            await eventually(lambda: _all_moved(counts, before))
            over.set()
        found = await gate.verdict()
        assert (found.closes, found.broken) == (1, 0)


async def _post(gate: RealGate, line: Line) -> str:
    try:
        async with line.transaction():
            await gate.post(line)
    except Refused:
        return "refused"
    return "posted"


async def _keep_posting(gate: RealGate, url: str, counts: list[int], number: int, over: asyncio.Event) -> None:
    line = await asyncpg.connect(url)
    try:
        while not over.is_set():
            counts[number] += await _post(gate, line) == "posted"
    finally:
        await line.close()


async def _all_moved(counts: list[int], before: list[int]) -> bool:
    return all(now > then for now, then in zip(counts, before, strict=True))


async def _waiting(line: Line, gate: RealGate, count: int) -> bool:
    key = gate.key
    return bool(await line.fetchval(WAITING, gate.house.id, key.entity, key.period, key.scope) == count)


async def _counted(line: Line, gate: RealGate) -> list[Any]:
    asked = "SELECT epoch, entries FROM cut_off.counted WHERE tenant_id = $1"
    return [tuple(row) for row in await line.fetch(asked, gate.house.id)]
