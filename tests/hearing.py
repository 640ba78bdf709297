"""A process that keeps settings in memory, on a line on which only the test speaks."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest_asyncio

from adapters.memory.secrets import MemorySealer
from adapters.memory.store import MemoryStore
from application.settings.cases import SettingCases
from application.settings.reading import Question
from application.settings.snapshots import Room, SettingSnapshots
from application.settings.wishes import Order, Wish
from domain.environments import Environment
from domain.settings import Scope
from tests.wishing import ADA, DEV, WHY, define
from tests.world import World

HOUR = timedelta(hours=1)
MOMENT = timedelta(microseconds=1)
Word = tuple[UUID, Environment] | None


class Wire:
    """A line on which only the test speaks."""

    def __init__(self) -> None:
        self.alive, self.line = True, 1
        self._said: asyncio.Queue[Word] = asyncio.Queue()

    async def listen(self) -> AsyncIterator[Word]:
        while True:
            yield await self._said.get()
            self._said.task_done()

    async def tell(self, word: Word) -> None:
        """Returns when it has been heard."""
        self._said.put_nowait(word)
        await self._said.join()

    def mend(self) -> None:
        self.alive, self.line = True, self.line + 1


class Here:
    """What this process has; `world` writes as another one would, and nobody here hears of it by itself."""

    def __init__(self, world: World, wire: Wire) -> None:
        self.world, self.wire, self.slow = world, wire, timedelta()
        self.snapshots = SettingSnapshots(world.store, wire, self.clock, room=Room(patience=60))
        self.setting = SettingCases.over(world.store, world.submission, MemorySealer(), self.snapshots)

    def clock(self) -> datetime:
        return self.world.clock() - self.slow

    async def read(self, scope: str = ADA, key: str = "limit", as_of: datetime | None = None, **more: Any) -> Any:
        question = Question(more.get("environment", DEV), Scope(scope), as_of)
        world = more.get("of", self.world)
        return (await self.setting.reads.effective(world.eve, question, key)).resolution.value

    async def write(self, *wishes: Wish, **more: Any) -> None:
        await self.setting.writes.write(self.world.ada, Order(DEV, wishes, WHY, **more))

    async def hear(self, environment: Environment = DEV) -> None:
        await self.hear_of((self.world.tenant.id, environment))

    async def hear_of(self, word: Word) -> None:
        await self.wire.tell(word)
        await self.snapshots.settled()


@pytest_asyncio.fixture
async def here(world: World) -> AsyncIterator[Here]:
    await define(world, default=10)
    here = Here(world, Wire())
    following = asyncio.create_task(here.snapshots.follow())
    yield here
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


def down(world: World, *, so: bool = True) -> None:
    assert isinstance(world.store, MemoryStore)
    world.store.down = so
