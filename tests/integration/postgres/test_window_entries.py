"""A window lets in so many entries and not one more, however many post into it at once and at whichever isolation."""

import asyncio
from collections.abc import Iterable
from datetime import date
from itertools import cycle
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from adapters.postgres.store import PostgresStore
from application.ports.records import AuditFilter
from tests.closes import MARCH, Close
from tests.integration.postgres.posting import ASSERT, Line, Lines, refused
from tests.reopenings import Window
from tests.workflow.theatre import now
from tests.world import Clock, world_in

MOST, POSTERS, TRIES = 5, 12, 3
ISOLATIONS = ("read_committed", "repeatable_read", "serializable")
COLUMNS = "(tenant_id, reopening_id, actor, operation, period_id, scope, epoch)"
FORGED = "tenant_id, reopening_id, gen_random_uuid(), 'adjustment', gen_random_uuid(), 'AP', 1"
AGAIN = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)


@pytest_asyncio.fixture
async def window(store: PostgresStore) -> Window:
    """March takes adjustments again: MOST of them, payables and ledger together."""
    close = await Close(await world_in(store, Clock(now()))).settle()
    await close.gates("closed", MARCH)
    window = Window(close)
    await window.open(most_entries=MOST)
    return window


@pytest.fixture
def lines(database_url: str) -> Lines:
    return Lines(database_url)


async def entry(line: Line, window: Window, scope: str = "AP") -> None:
    asked: tuple[Any, ...] = ("de", scope, "adjustment", date(2025, 3, 15), window.world.fin.id, None, None)
    await line.execute(ASSERT, window.world.tenant.id, *asked)


async def posted(line: Line, window: Window, isolation: Any, scopes: Iterable[str]) -> int:
    """How many of its entries were let in; a transaction that was in the way of another is tried again."""
    entered = 0
    for scope in scopes:
        while True:
            try:
                async with line.transaction(isolation=isolation):
                    await entry(line, window, scope)
            except AGAIN:
                continue
            except asyncpg.PostgresError as refusal:
                if refusal.sqlstate != "FP005":
                    raise
            else:
                entered += 1
            break
    return entered


class TestEntries:
    @pytest.mark.req("FP68")
    async def test_are_never_too_many(self, window: Window, lines: Lines) -> None:
        async def poster(isolation: str, scopes: Iterable[str]) -> int:
            async with lines.another() as line:
                return await posted(line, window, isolation, scopes)

        ways = zip(range(POSTERS), cycle(ISOLATIONS), strict=False)
        entered = await asyncio.gather(*(poster(way, ["AP", "GL"] * TRIES) for _, way in ways))
        assert sum(entered) == MOST
        assert (await window.view()).entries == MOST

    async def test_of_a_transaction_that_fails_are_there_for_the_next(self, line: Line, window: Window) -> None:
        await posted(line, window, "read_committed", ["AP"] * (MOST - 1))
        transaction = line.transaction()
        await transaction.start()
        await entry(line, window)
        with refused("FP005"):
            await entry(line, window)
        await transaction.rollback()
        assert await posted(line, window, "read_committed", ["GL", "GL"]) == 1

    async def test_once_used_up_it_is_found_and_shut(self, line: Line, window: Window, store: PostgresStore) -> None:
        async with window.close.transaction() as tx:
            await tx.reopenings.mark_started(window.id)
        await posted(line, window, "read_committed", ["AP"] * (MOST + 1))
        assert [each.kind.value for each in await store.waiting() if each.id == window.id] == ["reopening"]
        stand = await window.cases.shutting.due(window.step)
        assert (stand.state.value, stand.why) == ("SHUT", "entries_used_up")
        assert await window.close.stands() == {"AP": "open/none@4", "GL": "open/none@4"}
        assert [each for each in await store.waiting() if each.id == window.id] == []
        async with window.close.transaction() as tx:
            rows = await tx.audit.page(AuditFilter(action="reopening:state:moved"), None, 1)
        assert rows[0].event["after"]["cause"] == "entries_used_up"

    async def test_are_told_once_when_they_are_used_up(self, line: Line, window: Window) -> None:
        told: list[str] = []
        await line.add_listener("changegate_periods", lambda *heard: told.append(heard[-1]))
        await posted(line, window, "read_committed", ["AP"] * (MOST - 1))
        await line.execute("SELECT")
        assert str(window.world.tenant.id) not in told
        await posted(line, window, "read_committed", ["AP", "GL"])
        await line.execute("SELECT")
        assert told.count(str(window.world.tenant.id)) == 1

    async def test_are_counted_by_nobody_but_the_guard(self, line: Line, window: Window) -> None:
        async with line.transaction():
            await line.execute("SELECT set_config('app.tenant_id', $1, true)", str(window.world.tenant.id))
            for statement in (
                "UPDATE window_limit SET used = 0",
                "UPDATE window_limit SET most_entries = 1000",
                "DELETE FROM window_limit",
                f"INSERT INTO window_entry {COLUMNS} SELECT {FORGED} FROM window_limit",  # noqa: S608 -- ours
            ):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    async with line.transaction():
                        await line.execute(statement)
