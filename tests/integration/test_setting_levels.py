"""Three processes over one PostgreSQL and one Valkey, which is killed, stopped, emptied and started as they read."""

import asyncio
import contextlib
import signal
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy.engine import make_url

from adapters.cache.guard import Guard
from adapters.cache.settings import ValkeySettings
from adapters.embedded.ports import LOOPBACK
from adapters.memory.identity import MemoryAssertions
from adapters.memory.secrets import MemorySealer
from adapters.postgres.listener import Listener
from adapters.postgres.store import PostgresStore
from application.balloting import Balloting
from application.settings.cases import SettingCases
from application.settings.reading import Question
from application.settings.snapshots import Room, SettingSnapshots
from application.settings.wishes import Order, Wish
from application.submission import Submission
from domain.environments import Environment
from domain.settings import EntryState, Scope
from tests.conftest import House
from tests.fronts import Wire, listening
from tests.integration.valkey import Server, until
from tests.recorded import RecordingProcesses

DEV = Environment.DEV
KEYS = [f"limit.{number}" for number in range(4)]
WRITES, BOUND = 50, 1.0
SECRET = b"known to all processes"
NOTHING_HELD = Room(places=0, patience=0, worth=1_000_000)
WHY = "because of the test"


def _now() -> datetime:
    return datetime.now(UTC)


class Process:
    """What an API process has of settings: a line, snapshots and use cases of its own."""

    def __init__(self, store: PostgresStore, url: str, cache: ValkeySettings, room: Room) -> None:
        self.line = Listener(url)
        self.cache = cache
        self.snapshots = SettingSnapshots(store, self.line.settings, _now, cache, room)
        self._store = store

    def setting(self, house: House) -> SettingCases:
        nobody = RecordingProcesses(Balloting(self._store, MemoryAssertions(_now)), house.id)
        return SettingCases.over(self._store, Submission(self._store, nobody), MemorySealer(), self.snapshots)

    async def value(self, house: House, key: str = KEYS[0]) -> Any:
        question = Question(DEV, Scope())
        found = await self.setting(house).reads.some_effective(house.ada, question, KEYS)
        return {each.definition.key: each.resolution.value for each in found}[key]

    async def write(self, house: House, value: int) -> None:
        wish = Wish(KEYS[0], Scope(), EntryState.SET, value)
        await self.setting(house).writes.write(house.ada, Order(DEV, (wish,), WHY))


@dataclass
class Log:
    """What was acknowledged when, and every answer that was older than it may be."""

    acknowledged: list[float] = field(default_factory=list)
    reads: int = 0
    stale: list[tuple[str, Any, int]] = field(default_factory=list)

    def newest(self, at: float) -> int:
        return bisect_right(self.acknowledged, at)

    async def watch(self, who: str, read: Callable[[], Awaitable[Any]], late: float) -> None:
        while True:
            asked = time.monotonic()
            value = await read()
            self.reads += 1
            if value < self.newest(asked - late):
                self.stale.append((who, value, self.newest(asked - late)))
            await asyncio.sleep(0.01)


@pytest_asyncio.fixture
async def wire(database_url: str) -> AsyncIterator[tuple[Wire, str]]:
    url = make_url(database_url)
    wire = Wire(url.host or "", url.port or 0)
    async with listening(wire.answer, LOOPBACK) as port:
        yield wire, url.set(host=LOOPBACK, port=port).render_as_string(hide_password=False)


@pytest_asyncio.fixture
async def processes(
    store: PostgresStore, database_url: str, wire: tuple[Wire, str], server: Server
) -> AsyncIterator[list[Process]]:
    """The writer; another, whose line goes over the wire; and one over the same wire that holds nothing."""
    caches = [ValkeySettings(server.valkey.url, SECRET) for _ in range(3)]
    urls, rooms = [database_url, wire[1], wire[1]], [Room(), Room(), NOTHING_HELD]
    made = [Process(store, *each) for each in zip(urls, caches, rooms, strict=True)]
    tasks = [asyncio.create_task(each.snapshots.follow()) for each in made]
    await until(lambda: _alive(made))
    yield made
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for cache in caches:
        await cache.aclose()


@contextlib.asynccontextmanager
async def watched(house: House, processes: list[Process]) -> AsyncIterator[Log]:
    """Readers on every process, all the while."""
    writer, *others = processes
    log = Log()
    tasks = [asyncio.create_task(log.watch("own", partial(writer.value, house), 0))]
    tasks += [asyncio.create_task(log.watch("other", partial(each.value, house), BOUND)) for each in others]
    try:
        yield log
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert [each for each in ended if not isinstance(each, asyncio.CancelledError)] == []


@pytest_asyncio.fixture
async def defined(house: House, processes: list[Process]) -> None:
    for key in KEYS:
        raw = {"key": key, "type": "integer", "scopes": ["tenant"], "default": 0}
        await processes[0].setting(house).definitions.create(house.ada, raw, WHY)


Trouble = Callable[[int], Awaitable[None]]


async def story(house: House, processes: list[Process], trouble: Trouble) -> Log:
    """Fifty writes, and before each of them whatever trouble there is."""
    async with watched(house, processes) as log:
        for number in range(1, WRITES + 1):
            await trouble(number)
            await processes[0].write(house, number)
            log.acknowledged.append(time.monotonic())
            await asyncio.sleep(0.02)
        await asyncio.sleep(BOUND)
        assert [await each.value(house) for each in processes] == [WRITES] * len(processes)
    return log


@pytest.mark.req("FR-CFG-009", "ST84")
@pytest.mark.usefixtures("defined")
class TestReaders:
    async def test_are_told_nothing_old_while_the_line_is_cut(
        self, house: House, processes: list[Process], wire: tuple[Wire, str]
    ) -> None:
        async def cut(number: int) -> None:
            if number == WRITES // 3:
                wire[0].open.clear()

        log = await story(house, processes, cut)
        assert log.stale == []
        assert not processes[1].line.alive

    async def test_go_on_while_the_cache_is_killed_and_started(
        self, house: House, processes: list[Process], server: Server
    ) -> None:
        async def kill(number: int) -> None:
            if number == WRITES // 3:
                await server.kill()
            if number == 2 * WRITES // 3:
                await server.start()

        assert (await story(house, processes, kill)).stale == []
        hits = processes[2].snapshots.tally.second_hits
        await until(lambda: _hits(house, processes[2], hits))

    async def test_go_on_while_the_cache_hangs(self, house: House, processes: list[Process], server: Server) -> None:
        async def stop(number: int) -> None:
            if number == WRITES // 3:
                server.send(signal.SIGSTOP)
            if number == 2 * WRITES // 3:
                server.send(signal.SIGCONT)

        assert (await story(house, processes, stop)).stale == []

    async def test_go_on_while_the_cache_is_emptied(
        self, house: House, processes: list[Process], server: Server
    ) -> None:
        async def flush(number: int) -> None:
            if number % 5 == 0:
                await server.flush()

        assert (await story(house, processes, flush)).stale == []
        assert processes[2].snapshots.tally.second_hits > 0


async def _alive(processes: list[Process]) -> bool:
    return all(each.line.alive for each in processes)


async def _hits(house: House, process: Process, more_than: int) -> bool:
    await process.value(house)
    return process.snapshots.tally.second_hits > more_than


async def test_one_that_does_not_answer_is_asked_no_more() -> None:
    calls = 0

    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        with contextlib.closing(writer):
            await asyncio.sleep(60)

    async with listening(silent, LOOPBACK) as port:
        guard = Guard(f"redis://{LOOPBACK}:{port}", patience=0.05)
        assert await guard.ask(lambda redis: redis.get("a")) is None
        assert (guard.away, calls) == (True, 1)
        for _ in range(1_000):
            assert await guard.ask(lambda redis: redis.get("a")) is None
        assert calls == 1
        await guard.aclose()
