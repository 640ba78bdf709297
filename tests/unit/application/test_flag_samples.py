"""Contexts are sampled in memory where somebody wants it, and nothing of them is anywhere where nobody does."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from adapters.memory.store import MemoryStore
from application.flag_impact.collecting import KEPT, Reservoir, Samples
from application.flag_impact.forgetting import Forgetting
from application.flag_impact.sampling import FlagSampling
from domain.changes import NothingChanges
from domain.environments import Environment
from domain.errors import Stale
from domain.flags.sampling import LARGEST, Sampling, parse_sampling
from domain.people import PermissionMissing
from tests.hearing import Wire
from tests.world import World

PRODUCTION, WHY = Environment.PRODUCTION, "because of the test"
CHOSEN = parse_sampling(["plan"], ["email"], 50)


def body(context: Any) -> bytes:
    return json.dumps(context).encode()


class Process:
    """One that evaluates; `wire` is what it hears."""

    def __init__(self, world: World) -> None:
        self.world, self.wire = world, Wire()
        self.samples = Samples(world.store, self.wire)
        self.choosing = FlagSampling(world.store)

    @property
    def reservoir(self) -> Reservoir:
        return self.samples.of(self.world.tenant.id, PRODUCTION)

    async def choose(self, sampling: Sampling = CHOSEN) -> None:
        present = await self.choosing.get(self.world.root, PRODUCTION)
        await self.choosing.choose(self.world.root, PRODUCTION, sampling, expected=present.version, reason=WHY)

    async def hear(self) -> None:
        await self.wire.tell((self.world.tenant.id, PRODUCTION))

    def offer(self, *contexts: Any) -> None:
        for each in contexts:
            if self.reservoir.open:
                self.reservoir.offer(body(each), each)

    async def held(self) -> list[Any]:
        async with self.world.store.transaction(self.world.tenant.id) as tx:
            return [each.context for each in await tx.flag_samples.samples(PRODUCTION, tx.now - KEPT)]


@pytest_asyncio.fixture
async def process(world: World) -> AsyncIterator[Process]:
    made = Process(world)
    assert not made.reservoir.open
    following = asyncio.create_task(made.samples.follow())
    yield made
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


def users(count: int, first: int = 0) -> list[dict[str, Any]]:
    return [{"targetingKey": f"u{n}", "plan": "gold", "phone": f"555-{n}"} for n in range(first, first + count)]


@pytest.mark.req("BR3")
class TestReservoir:
    def test_it_is_bounded_and_holds_each_body_once(self) -> None:
        reservoir = Reservoir()
        reservoir.set(10)
        for each in [*users(500), *users(500)]:
            reservoir.offer(body(each), each)
        taken = reservoir.taken()
        assert len({each["phone"] for each in taken.values()}) == len(taken) == 10
        assert reservoir.taken() == {}

    def test_what_is_large_is_not_sampled(self) -> None:
        reservoir = Reservoir()
        reservoir.set(10)
        reservoir.offer(b"x" * (LARGEST + 1), {})
        assert reservoir.taken() == {}

    def test_who_is_in_it_does_not_depend_on_the_order(self) -> None:
        there, back = Reservoir(), Reservoir()
        for reservoir, order in ((there, users(300)), (back, users(300)[::-1])):
            reservoir.set(20)
            for each in order:
                reservoir.offer(body(each), each)
        assert there.taken() == back.taken()

    def test_a_closed_one_holds_nothing(self) -> None:
        reservoir = Reservoir()
        reservoir.set(10)
        reservoir.offer(b"{}", {})
        reservoir.set(0)
        reservoir.put_back({1: {}})
        assert (reservoir.open, reservoir.taken()) == (False, {})


@pytest.mark.req("BR1")
class TestSampling:
    async def test_it_begins_when_it_is_chosen_and_ends_with_everything(self, process: Process) -> None:
        await process.samples.settle()
        process.offer({"plan": "gold"})
        assert not process.reservoir.open
        await process.choose()
        await process.hear()
        process.offer(*users(3), {"email": "ada@shop.test", "card": "4111"})
        await process.samples.settle()
        held = await process.held()
        assert len(held) == 4
        told = json.dumps(held)
        assert not any(secret in told for secret in ("ada", "4111", "555", "u1"))
        process.offer({"plan": "late"})
        await process.choose(Sampling())
        await process.samples.settle()
        assert (process.reservoir.open, await process.held()) == (False, [])

    async def test_what_else_is_kept_begins_anew_and_what_is_no_more_is_dropped_at_once(self, process: Process) -> None:
        await process.choose()
        await process.hear()
        process.offer(*users(2))
        await process.samples.settle()
        process.offer(*users(2))
        await process.choose(parse_sampling([], [], 50))
        assert await process.held() == []
        await process.samples.settle()  # before anybody has told this process
        assert [each.keys() for each in await process.held()] == [{"targetingKey"}] * 2
        await process.choose(parse_sampling([], [], 1))
        assert len(await process.held()) == 1

    async def test_an_outage_loses_nothing(self, process: Process) -> None:
        await process.choose()
        await process.hear()
        process.offer(*users(2))
        store = process.world.store
        assert isinstance(store, MemoryStore)
        store.down = True
        await process.samples.settle()
        process.offer(*users(2, first=1))
        store.down = False
        await process.samples.settle()
        await process.samples.settle()
        assert len(await process.held()) == 3

    async def test_contexts_are_forgotten_though_nobody_evaluates_any_more(self, process: Process) -> None:
        await process.choose()
        await process.hear()
        process.offer(*users(2))
        await process.samples.settle()
        world = process.world
        assert isinstance(world.store, MemoryStore)
        forgetting = Forgetting(world.store, world.clock)
        await forgetting.look()
        assert len(await process.held()) == 2
        world.clock += KEPT + timedelta(seconds=1)
        await forgetting.look()
        async with world.store.transaction(world.tenant.id) as tx:
            assert (await tx.flag_samples.sampled(PRODUCTION)).contexts == 0

    async def test_it_is_chosen_by_who_decides_policies_over_what_they_saw(self, process: Process) -> None:
        choosing, world = process.choosing, process.world
        with pytest.raises(PermissionMissing):
            await choosing.choose(world.ada, PRODUCTION, CHOSEN, expected=0, reason=WHY)
        with pytest.raises(NothingChanges):
            await choosing.choose(world.root, PRODUCTION, Sampling(), expected=0, reason=WHY)
        await process.choose()
        with pytest.raises(Stale):
            await choosing.choose(world.root, PRODUCTION, Sampling(), expected=0, reason=WHY)
