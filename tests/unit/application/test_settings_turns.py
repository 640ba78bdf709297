"""Reads, loads and writes at the same time: what was acknowledged here is told here, whatever was being read then."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from adapters.memory.cache import MemorySettingCache
from adapters.memory.secrets import MemorySealer
from adapters.memory.store import MemoryStore
from application.settings.cases import SettingCases
from application.settings.developing import developed
from application.settings.reading import Question
from application.settings.snapshots import GRACE, Room, SettingSnapshots
from application.settings.wishes import Order
from domain.environments import Environment
from domain.settings import Scope
from tests.hearing import Wire
from tests.wishing import DEV, QA, WHY, define, say, ungovern, wish
from tests.world import World


class SlowStore:
    """Answers only when the gate is open, with what was committed when it was asked; counts what was begun."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun = 0

    @asynccontextmanager
    async def transaction(self, tenant: UUID) -> AsyncIterator[Any]:
        self.begun += 1
        async with self._store.transaction(tenant) as tx:
            yield tx
        await self.gate.wait()


class Here:
    def __init__(self, world: World, room: Room) -> None:
        assert isinstance(world.store, MemoryStore)
        self.world, self.store, self.wire = world, SlowStore(world.store), Wire()
        store: Any = self.store
        self.snapshots = SettingSnapshots(store, self.wire, world.clock, MemorySettingCache(), room)
        self.setting = SettingCases.over(world.store, world.submission, MemorySealer(), self.snapshots)

    async def read(self, environment: Environment = DEV) -> Any:
        some = await self.setting.reads.some_effective(self.world.eve, Question(environment, Scope()), ["limit"])
        return some[0].resolution.value

    async def write(self, value: int) -> None:
        await self.setting.writes.write(self.world.ada, Order(DEV, (wish("limit", value),), WHY))

    async def page(self) -> Any:
        page = await self.setting.reads.all_effective(self.world.eve, Question(DEV, Scope()), "", 9)
        return page[0].resolution.value


@pytest_asyncio.fixture
async def here(world: World) -> Here:
    await ungovern(world)
    await define(world, default=10)
    return Here(world, Room(patience=0))


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.req("FR-CFG-009")
class TestOwnWrite:
    async def test_does_not_wait_for_a_first_reading_and_is_told_nevertheless(self, here: Here) -> None:
        """The environment was being read when the write was committed, and comes in after it, as it was before."""
        here.store.gate.clear()
        first = asyncio.create_task(here.read())
        await turns()
        await here.write(20)
        after = asyncio.create_task(here.read())
        await turns()
        here.store.gate.set()
        assert (await after, await first in {10, 20}) == (20, True)
        await here.snapshots.settled()
        assert await here.read() == 20

    async def test_is_in_every_page_that_is_asked_for_after_it(self, here: Here) -> None:
        here.store.gate.clear()
        first = asyncio.create_task(here.page())
        await turns()
        await here.write(20)
        after = asyncio.create_task(here.page())
        await turns()
        here.store.gate.set()
        assert (await first, await after) == (10, 20)

    async def test_is_not_hidden_by_a_reading_of_its_key_alone(self, here: Here) -> None:
        narrow = Here(here.world, Room(places=0, patience=0, worth=1_000_000))
        narrow.store.gate.clear()
        first = asyncio.create_task(narrow.read())
        await turns()
        await narrow.write(20)
        after = asyncio.create_task(narrow.read())
        await turns()
        narrow.store.gate.set()
        assert (await after, await first in {10, 20}) == (20, True)


class TestLoads:
    async def test_one_serves_all_who_came_before_it_began(self, here: Here) -> None:
        assert await here.page() == 10
        await here.snapshots.settled()
        before = here.store.begun
        here.store.gate.clear()
        running = asyncio.create_task(here.snapshots.refresh(here.world.tenant.id, DEV))
        await turns()
        waiting = [asyncio.create_task(here.snapshots.refresh(here.world.tenant.id, DEV)) for _ in range(20)]
        await turns()
        here.store.gate.set()
        await asyncio.gather(running, *waiting)
        assert here.store.begun - before == 2

    async def test_a_cancelled_one_leaves_the_others_to_read(self, here: Here) -> None:
        await here.page()
        here.store.gate.clear()
        first = asyncio.create_task(here.snapshots.refresh(here.world.tenant.id, DEV))
        await turns()
        await say(here.world, wish("limit", 20))
        second = asyncio.create_task(here.snapshots.refresh(here.world.tenant.id, DEV))
        await turns()
        first.cancel()
        here.store.gate.set()
        await asyncio.gather(first, second, return_exceptions=True)
        assert await here.read() == 20


class TestRoom:
    async def test_what_was_asked_least_lately_goes(self, here: Here) -> None:
        tight = Here(here.world, Room(places=1, patience=60, worth=2))
        assert [await tight.read(each) for each in (DEV, QA, QA, DEV)] == [10, 10, 10, 10]
        tally = tight.snapshots.tally
        assert (tally.first_hits, tally.first_misses) == (0, 4)
        assert await tight.read(QA) == 10
        assert tally.first_hits == 1

    async def test_is_counted_in_what_is_said(self, here: Here) -> None:
        small = Here(here.world, Room(entries=1, patience=60, worth=1_000_000))
        await small.read(DEV)
        await small.read(QA)
        await small.read(DEV)
        assert (small.snapshots.tally.first_hits, small.snapshots.tally.first_misses) == (1, 2)

    async def test_a_page_is_always_let_in(self, here: Here) -> None:
        nothing = Here(here.world, Room(places=0, patience=0, worth=1_000_000))
        assert await nothing.page() == 10
        assert await nothing.page() == 10
        assert nothing.snapshots.tally.first_hits == 1


class TestNews:
    async def test_takes_what_is_held_on_until_it_is_read_anew_or_too_old(self, here: Here) -> None:
        following = asyncio.create_task(here.snapshots.follow())
        assert await here.page() == 10
        await say(here.world, wish("limit", 20))
        here.store.gate.clear()
        await here.wire.tell((here.world.tenant.id, DEV))
        await turns()
        assert await here.read() == 10
        await asyncio.sleep(GRACE)
        late = asyncio.create_task(here.read())
        await turns()
        here.store.gate.set()
        assert await late == 20
        assert here.snapshots.tally.invalidations == 1
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def test_many_rows_are_taken_a_few_at_a_time(world: World) -> None:
    """Whoever asks meanwhile is answered in between."""
    await ungovern(world)
    await define(world, default=0)
    await say(world, *(wish("limit", number, f"user:u{number}") for number in range(1_000)))
    async with world.store.transaction(world.tenant.id) as tx:
        picture = await tx.settings.picture(DEV)
    others = 0

    async def other() -> None:
        nonlocal others
        while True:
            others += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    snapshot = await developed(world.tenant.id, picture, 1, world.clock)
    task.cancel()
    assert (snapshot.size, others >= 4) == (1_001, True)
