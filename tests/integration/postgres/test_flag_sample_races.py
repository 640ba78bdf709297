"""Processes that write the same contexts at once keep each of them once, and none after sampling was turned off."""

import asyncio
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from adapters.postgres.store import PostgresStore
from application.flag_impact.collecting import KEPT, Samples
from application.flag_impact.sampling import FlagSampling
from domain.environments import Environment
from domain.errors import Stale
from domain.flags.sampling import Sampling, parse_sampling
from tests.hearing import Wire
from tests.world import Clock, World, world_in

DEV, WHY = Environment.DEV, "because of the test"
CHOSEN = parse_sampling(["plan"], [], 20)


@pytest_asyncio.fixture
async def world(store: PostgresStore) -> World:
    return await world_in(store, Clock())


@pytest_asyncio.fixture
async def processes(world: World) -> list[Samples]:
    """Four that have heard what is to be kept, each with contexts that others have, too."""
    await FlagSampling(world.store).choose(world.root, DEV, CHOSEN, expected=0, reason=WHY)
    made = [Samples(world.store, Wire()) for _ in range(4)]
    for number, process in enumerate(made):
        reservoir = process.of(world.tenant.id, DEV)
        await process.settle()
        for user in range(number * 5, number * 5 + 20):
            reservoir.offer(b"%d" % user, {"targetingKey": f"u{user}", "plan": "gold"})
    return made


async def held(world: World) -> list[Any]:
    async with world.store.transaction(world.tenant.id) as tx:
        return await tx.flag_samples.samples(DEV, tx.now - KEPT)


@pytest.mark.req("BR3")
class TestRacedSamples:
    async def test_each_context_is_kept_once_and_no_more_than_there_is_room_for(
        self, world: World, processes: list[Samples]
    ) -> None:
        await asyncio.gather(*(each.settle() for each in processes))
        found = await held(world)
        assert len(found) == len({each.mark for each in found}) == 20

    async def test_nothing_is_written_once_it_is_off(self, world: World, processes: list[Samples]) -> None:
        off = FlagSampling(world.store).choose(world.root, DEV, Sampling(), expected=1, reason=WHY)
        await asyncio.gather(*(each.settle() for each in processes[:2]), off, *(e.settle() for e in processes[2:]))
        assert await held(world) == []

    async def test_of_two_who_choose_at_once_one_is_refused(self, world: World) -> None:
        choosing = FlagSampling(world.store)
        wishes = [parse_sampling([], [], capacity) for capacity in (1, 2)]
        done = await asyncio.gather(
            *(choosing.choose(world.root, DEV, each, expected=0, reason=WHY) for each in wishes),
            return_exceptions=True,
        )
        assert sorted(isinstance(each, Stale) for each in done) == [False, True], done


@pytest.mark.req("BR1")
async def test_the_database_holds_the_bounds_itself(line: asyncpg.Connection, world: World) -> None:
    await line.execute("SELECT set_config('app.tenant_id', $1, false)", str(world.tenant.id))
    put = (
        "INSERT INTO flag_sampling (tenant_id, environment, version, plain, hashed, capacity, secret, written_by,"
        " written_at) VALUES ($1, 'dev', 1, $2, $3, $4, $5, $1, now())"
    )
    for wrong in (([], [], 1001, b"s" * 32), ([], [], 0, b"s" * 32), ([], [], 1, b""), (["a"], ["a"], 1, b"s" * 32)):
        with pytest.raises(asyncpg.CheckViolationError):
            await line.execute(put, world.tenant.id, *wrong)
    await line.execute("SELECT set_config('app.tenant_id', gen_random_uuid()::text, false)")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await line.execute(put, world.tenant.id, [], [], 1, b"s" * 32)
