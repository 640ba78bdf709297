"""What the levels of the cache save: a hundred keys cold and warm, and how often each level has what is asked."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

from redis.asyncio import Redis

from adapters.cache.settings import ValkeySettings
from adapters.identity.assertions import SignedActs
from adapters.identity.keys import kept_key
from adapters.memory.processes import MemoryProcesses
from adapters.memory.secrets import MemorySealer
from adapters.postgres.listener import Listener
from application.settings.cases import SettingCases
from application.settings.definitions import SettingDefinitions
from application.settings.reading import Question, SettingReads
from application.settings.snapshots import Room, SettingSnapshots
from application.settings.wishes import Order, Wish
from application.submission import Submission
from benchmarks.house import House, house
from benchmarks.measure import hardware, print_table
from benchmarks.settings import CHAIN, KEYS, KINDS, ROUNDS, shown, timed
from bootstrap import clock
from domain.environments import Environment
from domain.settings import EntryState, Scope

DEV = Environment.DEV
QUESTION = Question(DEV, Scope(CHAIN[-1]))
NO_ROOM = Room(places=0, patience=0, worth=1_000_000)
"""Every key comes through the second level."""
OPERATIONS, WRITES = 2_000, 0.01
"""The mix: one key read at a time, and the share of operations that write one."""
Row = tuple[str, ...]


class Process:
    """What an API process has of settings."""

    def __init__(self, home: House, room: Room) -> None:
        self.home, self.cache = home, ValkeySettings(home.stack.endpoints.valkey_url or "", b"of the benchmark")
        self.line = Listener(home.environment["CHANGEGATE_DATABASE_URL"])
        self.snapshots = SettingSnapshots(home.store, self.line.settings, clock, self.cache, room)
        self.reads = SettingReads(home.store, self.snapshots)

    async def read(self, keys: list[str]) -> None:
        found = await self.reads.some_effective(self.home.people["ada"], QUESTION, keys)
        if len(found) != len(keys):
            raise RuntimeError(f"{len(found)} of {len(keys)} keys were found")

    async def cold(self, keys: list[str]) -> None:
        """As a process that has just begun, and does not know where the environment stands."""
        await self.snapshots.refresh(self.home.tenant.id, DEV)
        await self.read(keys)


@asynccontextmanager
async def begun(home: House, room: Room) -> AsyncIterator[Process]:
    process = Process(home, room)
    following = asyncio.create_task(process.snapshots.follow())
    while not process.line.alive:  # noqa: ASYNC110 -- nobody sets an event when a line stands
        await asyncio.sleep(0.01)
    yield process
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await process.cache.aclose()


def main() -> None:
    asyncio.run(_measured())


async def _measured() -> None:
    async with house() as home:
        if home.stack.endpoints.valkey_url is None:
            raise SystemExit("There is no Valkey to measure with.")
        for key in KEYS:
            definition = {"key": key, "type": "integer", "scopes": KINDS, "default": 1}
            await SettingDefinitions(home.store).create(home.people["ada"], definition, "to be measured")
        cases = _cases(home)
        for text in CHAIN:
            await _write(home, cases, [Wish(key, Scope(text), EntryState.SET, 1) for key in KEYS])
        columns = ("what", "p50 ms", "p95 ms")
        print_table(f"Over five levels, {ROUNDS} times, on {hardware()}", columns, await _reads(home))
        title = f"The mix: {OPERATIONS:,} operations on one of {len(KEYS)} keys, {WRITES:.0%} of them write"
        print_table(title, ("where", "level", "hit rate"), await _rates(home, cases))


async def _reads(home: House) -> list[Row]:
    redis = Redis.from_url(home.stack.endpoints.valkey_url or "")
    await redis.set("floor", b"x" * 400)
    database = SettingReads(home.store)
    async with begun(home, Room()) as roomy, begun(home, NO_ROOM) as bare:

        async def emptied() -> None:
            await redis.flushall()
            await bare.cold(KEYS)

        wanted: dict[str, Callable[[], Awaitable[object]]] = {
            "one GET of Valkey": partial(redis.get, "floor"),
            "100 of them by one MGET": partial(redis.mget, ["floor"] * len(KEYS)),
            "100 keys, from the database": partial(database.some_effective, home.people["ada"], QUESTION, KEYS),
            "100 keys, cold, Valkey empty": emptied,
            "100 keys, cold, from Valkey": partial(bare.cold, KEYS),
            "100 keys, not held, from Valkey": partial(bare.read, KEYS),
            "100 keys, held in process": partial(roomy.read, KEYS),
            "one key, not held, from Valkey": partial(bare.read, KEYS[:1]),
            "one key, held in process": partial(roomy.read, KEYS[:1]),
        }
        told: list[Row] = [(name, *shown(await timed(act, ROUNDS))) for name, act in wanted.items()]
    await redis.aclose()
    return told


async def _rates(home: House, cases: SettingCases) -> list[Row]:
    """Another process writes; both hear of it, and one holds the environment."""
    dice = random.Random(1)
    async with begun(home, Room()) as roomy, begun(home, NO_ROOM) as bare:
        for number in range(OPERATIONS):
            key = dice.choice(KEYS)
            if dice.random() < WRITES:
                await _write(home, cases, [Wish(key, Scope(), EntryState.SET, number)])
            await roomy.read([key])
            await bare.read([key])
        one, two = roomy.snapshots.tally, bare.snapshots.tally
        return [
            ("held in process", "l1", f"{one.first_hits / (one.first_hits + one.first_misses):.1%}"),
            ("not held", "l2", f"{two.second_hits / (two.second_hits + two.second_misses):.1%}"),
        ]


def _cases(home: House) -> SettingCases:
    acts = SignedActs(kept_key(home.stack.folder / "acts.pem"), clock)
    submission = Submission(home.store, MemoryProcesses(home.store, acts, clock))
    return SettingCases.over(home.store, submission, MemorySealer())


async def _write(home: House, cases: SettingCases, wishes: list[Wish]) -> None:
    await cases.writes.write(home.people["ada"], Order(DEV, tuple(wishes), "to be measured"))


if __name__ == "__main__":
    main()
