"""API processes, a worker, PostgreSQL and a Valkey of their own: what one asks for the next one finds."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from adapters.cache.settings import ValkeySettings
from application.commands.following import sent_on
from application.commands.handling import Handlers
from application.events.publishing import Publisher, sent_after
from application.ports.commands import CommandFilter
from application.settings.snapshots import Room
from application.settings.transfer import Intake
from application.settings.warming import Warming
from application.settings.wishes import Order, Wish
from domain.commands import CommandRecord, CommandState
from domain.commands.breakers import Breaker, BreakerState
from domain.environments import Environment
from domain.events import EventType
from domain.settings import EntryState, Scope
from domain.settings.warming import WARM_SETTINGS, warming, warming_after
from tests.conftest import House
from tests.integration.commands.bound import MOMENT
from tests.integration.test_setting_levels import KEYS, NOTHING_HELD, SECRET, Process
from tests.integration.valkey import Server, until
from tests.own import Hand
from tests.works import Site

DEV, QA = Environment.DEV, Environment.QA
PATIENT = 30
"""Seconds: a machine that is slow is no cache that is away."""
WHY = "because of the test"
pytestmark = pytest.mark.req("FR-CFG-009")


class Installation:
    def __init__(self, site: Site, house: House, server: Server, database_url: str) -> None:
        self.site, self.house, self.server, self._url = site, house, server, database_url
        self.cache = ValkeySettings(server.valkey.url, SECRET, patience=PATIENT)
        self._hand = Hand(site.store, Handlers(Warming(site.store, self.cache)), WARM_SETTINGS)

    @asynccontextmanager
    async def process(self, room: Room | None = None) -> AsyncIterator[Process]:
        cache = ValkeySettings(self.server.valkey.url, SECRET, patience=PATIENT)
        process = Process(self.site.store, self._url, cache, room or Room())
        following = asyncio.create_task(process.snapshots.follow())

        async def alive() -> bool:
            return process.line.alive

        await until(alive)
        yield process
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await cache.aclose()

    async def works(self) -> dict[str, int]:
        return dict(await self._hand.work(self.house.id))

    async def finds(self, environment: Environment) -> list[str]:
        return sorted(await self.cache.get(self.house.id, environment, KEYS))

    async def commands(self) -> list[CommandRecord]:
        async with self.site.store.transaction(self.house.id) as tx:
            return list(await tx.commands.page(CommandFilter(type=WARM_SETTINGS), None, 99))

    async def hears(self) -> bool:
        """Of the import; where the worker of another test told of it first, that knew of no cache."""
        await Publisher(self.site.store).publish(self.house.id)
        async with self.site.store.transaction(self.house.id) as tx:
            told = [each for each in await tx.events.after(0, 99) if each.type is EventType.CONFIGURATION_IMPORTED]
            await sent_after(tx, told, [warming_after])
        return bool(told)

    async def breaker(self) -> Breaker:
        async with self.site.store.transaction(self.house.id) as tx:
            (found,) = await tx.commands.breakers.some(["cache"])
            return found

    async def rested(self) -> None:
        await self.site.owner.execute(
            "UPDATE command_breaker SET held_until = now() WHERE tenant_id = $1", self.house.id
        )
        await self.site.let_pass(MOMENT)

    async def answers(self) -> bool:
        return await self.cache.put(self.house.id, Environment.STAGING, 0, {"to-see": b"whether"})


@pytest_asyncio.fixture
async def here(site: Site, house: House, server: Server, database_url: str) -> AsyncIterator[Installation]:
    installation = Installation(site, house, server, database_url)
    async with installation.process() as process:
        setting = process.setting(house)
        for key in KEYS:
            raw = {"key": key, "type": "integer", "scopes": ["tenant"], "default": 0}
            await setting.definitions.create(house.ada, raw, WHY)
        wishes = tuple(Wish(key, Scope(), EntryState.SET, 7) for key in KEYS)
        await setting.writes.write(house.ada, Order(DEV, wishes, WHY))
    yield installation
    await installation.cache.aclose()


async def test_what_one_process_finds_cold_the_next_reads_without_asking_the_database_for_it(
    here: Installation,
) -> None:
    async with here.process() as first:
        await first.snapshots.get(here.house.id, DEV)
        await first.snapshots.settled()
        assert await here.finds(DEV) == []
    assert await here.works() == {"completed": 1}
    assert await here.finds(DEV) == KEYS
    async with here.process(NOTHING_HELD) as other:
        assert await other.value(here.house) == 7
        tally = other.snapshots.tally
        assert (tally.second_hits, tally.second_misses) == (len(KEYS), 0)


@pytest.mark.req("CB-38")
async def test_while_the_cache_is_away_commands_wait_and_when_it_is_back_they_go_on(here: Installation) -> None:
    await here.server.kill()
    async with here.site.store.transaction(here.house.id) as tx:
        await sent_on(tx, [warming(each, f"w-{each.value}", tx.now) for each in Environment], None)
    await here.works()
    assert (await here.breaker()).state is BreakerState.OPEN
    await here.site.let_pass(MOMENT)
    assert await here.works() == {}
    assert {each.state for each in await here.commands()} <= {CommandState.RETRY_WAIT, CommandState.PENDING}
    await here.server.start()
    await until(here.answers)
    await here.rested()
    while await here.works():
        pass
    assert {each.state for each in await here.commands()} == {CommandState.COMPLETED}
    assert ((await here.breaker()).state, await here.finds(DEV), await here.finds(QA)) == (
        BreakerState.CLOSED, KEYS, KEYS,
    )  # fmt: skip


async def test_what_an_import_wrote_is_warmed_by_a_command(here: Installation) -> None:
    async with here.process() as process:
        transfer = process.setting(here.house).transfer
        await transfer.export(here.house.ada, DEV, out := io.BytesIO())
        await transfer.import_(here.house.ada, Intake(QA, json.loads(out.getvalue()), WHY))
    await until(here.hears)
    (sent,) = await here.commands()
    assert (sent.command.id.startswith("event:"), sent.payload) == (True, {"environment": "qa"})
    assert await here.finds(QA) == []
    assert await here.works() == {"completed": 1}
    assert (await here.finds(QA), await here.finds(DEV)) == (KEYS, [])
