"""What one process finds cold a worker warms: once for all who ask, and with what was written while it did."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from uuid import UUID

import pytest
import pytest_asyncio

from adapters.memory.cache import MemorySettingCache
from adapters.memory.store import MemoryStore
from application.commands.handling import Handlers
from application.ports.commands import CommandFilter
from application.settings import warming
from application.settings.sharing import SharedSettings
from application.settings.snapshots import Room
from application.settings.tally import Tally
from application.settings.warming import ROUNDS, Warming
from domain.canonical import Json
from domain.commands import CommandRecord, OnUnique
from domain.commands.breakers import BreakerState
from domain.environments import Environment
from domain.settings.warming import FRESH, MOST_WARMED, WARM_SETTINGS
from tests.own import Hand
from tests.unit.application.test_settings_levels import NONE, Process, told
from tests.wishing import ADA, DEV, QA, define, say, ungovern, wish
from tests.world import World

KEYS = ["a", "b", "c"]
pytestmark = pytest.mark.req("FR-CFG-009")


class Disturbed(MemorySettingCache):
    """While something is put there, something else happens."""

    def __init__(self) -> None:
        super().__init__()
        self.happens: list[Callable[[], Awaitable[object]]] = []

    async def put(self, tenant: UUID, environment: Environment, epoch: int, contents: Mapping[str, bytes]) -> bool:
        if self.happens:
            await self.happens.pop()()
        return await super().put(tenant, environment, epoch, contents)


class Installation:
    """One cache, as many API processes as a test wants, and one worker."""

    def __init__(self, world: World) -> None:
        self.world, self.cache = world, Disturbed()
        self.place = (world.tenant.id, DEV)
        self.hand = self.worker(self.cache)

    def worker(self, cache: MemorySettingCache | None) -> Hand:
        return Hand(self.world.store, Handlers(Warming(self.world.store, cache)), WARM_SETTINGS)

    async def reads(self, environment: Environment = DEV) -> None:
        """A process that has just begun reads the environment whole."""
        process = Process(self.world, self.cache, NONE)
        await process.snapshots.get(self.world.tenant.id, environment)
        await process.snapshots.settled()
        await process.close()

    async def works(self) -> Mapping[str, int]:
        return await self.hand.work(self.world.tenant.id)

    async def commands(self) -> list[CommandRecord]:
        async with self.world.store.transaction(self.world.tenant.id) as tx:
            return list(await tx.commands.page(CommandFilter(type=WARM_SETTINGS), None, 99))

    async def breaker(self) -> BreakerState:
        async with self.world.store.transaction(self.world.tenant.id) as tx:
            (found,) = await tx.commands.breakers.some(["cache"])
            return found.state

    def kept(self, key: str) -> Json:
        """The values of it, as any process finds them."""
        _, content = self.cache.kept[*self.place, key]
        return [said[3] for said in json.loads(content)["said"]]


@pytest_asyncio.fixture
async def here(world: World) -> Installation:
    await ungovern(world)
    for key in KEYS:
        await define(world, key, default=0)
    await say(world, *(wish(key, 1) for key in KEYS))
    return Installation(world)


def down(world: World, *, so: bool) -> None:
    assert isinstance(world.store, MemoryStore)
    world.store.down = so


class TestWhoFindsItCold:
    async def test_puts_nothing_and_asks_a_worker_once_for_all(self, here: Installation) -> None:
        for _ in range(2):
            await here.reads()
        assert here.cache.kept == {}
        (asked,) = await here.commands()
        options = asked.command.options
        assert (asked.command.payload, asked.sender, options.priority) == ({"environment": "dev"}, None, 0)
        assert (options.on_unique, options.expires_at) == (OnUnique.COALESCE, asked.sent_at + FRESH)
        assert await here.works() == {"completed": 1}
        (done,) = await here.commands()
        assert done.result is not None
        assert done.result["warmed"] == len(KEYS)
        process = Process(here.world, here.cache, NONE)
        assert [each.resolution.value for each in await told(process.setting, here.world, DEV, ADA)] == [1, 1, 1]
        tally = process.snapshots.tally
        assert (tally.second_hits, tally.second_misses, tally.refused) == (len(KEYS), 0, 0)
        await process.close()

    async def test_is_content_with_a_command_that_is_not_over(self, here: Installation) -> None:
        for _ in range(2):
            await here.reads()
            here.cache.flush()
        await here.reads(QA)
        assert sorted(str(each.payload["environment"]) for each in await here.commands()) == ["dev", "qa"]
        await here.works()
        await here.reads()
        assert len(await here.commands()) == len(["dev", "qa", "dev"])

    @pytest.mark.parametrize(("keys", "away"), [(0, False), (MOST_WARMED + 1, False), (3, True)])
    async def test_asks_nobody_where_nothing_can_be_warmed(self, here: Installation, keys: int, *, away: bool) -> None:
        here.cache.away = away
        await SharedSettings(here.world.store, here.cache, Tally()).ask(here.place, keys)
        assert await here.commands() == []

    async def test_is_answered_though_nobody_can_be_asked(self, here: Installation) -> None:
        process = Process(here.world, here.cache, Room(patience=60))
        await asyncio.sleep(0)
        await process.snapshots.settled()
        await process.snapshots.get(*here.place)
        down(here.world, so=True)
        await process.snapshots.settled()
        assert len(await told(process.setting, here.world, DEV, ADA)) == len(KEYS)
        down(here.world, so=False)
        assert await here.commands() == []
        await process.close()


class TestWorker:
    async def test_warms_what_was_written_while_it_did(self, here: Installation) -> None:
        async def writes() -> None:
            await say(here.world, wish("a", 2))
            here.cache.flush()
            await here.reads()

        here.cache.happens = [writes]
        await here.reads()
        assert await here.works() == {"completed": 1}
        (done,) = await here.commands()
        async with here.world.store.transaction(here.world.tenant.id) as tx:
            assert done.result == {"warmed": len(KEYS), "epoch": await tx.settings.epoch(DEV)}
        assert [here.kept(key) for key in KEYS] == [[2], [1], [1]]

    async def test_tries_again_later_where_that_never_ends_and_at_last_lets_it_be(self, here: Installation) -> None:
        here.cache.happens = [lambda: say(here.world, wish("a", 2)) for _ in range(ROUNDS)]
        await here.reads()
        assert await here.works() == {"retry-wait": 1}
        here.world.clock += FRESH
        assert await here.works() == {"expired": 1}

    async def test_leaves_a_cache_alone_that_is_away_and_goes_on_when_it_is_back(self, here: Installation) -> None:
        for environment in Environment:
            await here.reads(environment)
        here.cache.away = True
        ended = await here.works()
        assert (ended.get("completed"), await here.breaker()) == (None, BreakerState.OPEN)
        here.world.clock += timedelta(seconds=2)
        assert await here.works() == {}
        here.cache.away = False
        here.world.clock += timedelta(seconds=10)
        done = 0
        while ended := await here.works():
            done += ended.get("completed", 0)
            here.world.clock += timedelta(seconds=1)
        assert (done, await here.breaker()) == (len(Environment), BreakerState.CLOSED)
        assert len(here.cache.kept) == len(Environment) * len(KEYS)

    @pytest.mark.parametrize("cached", [True, False])
    async def test_has_nothing_to_do_without_a_cache_or_with_too_many_keys(
        self, here: Installation, monkeypatch: pytest.MonkeyPatch, *, cached: bool
    ) -> None:
        monkeypatch.setattr(warming, "MOST_WARMED", len(KEYS) - 1)
        await here.reads()
        assert await here.worker(here.cache if cached else None).work(here.world.tenant.id) == {"completed": 1}
        assert ([each.result for each in await here.commands()], here.cache.kept) == ([{"warmed": 0}], {})
