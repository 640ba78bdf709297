from datetime import timedelta
from typing import Any

import pytest

from application.instances.sightings import Sightings
from domain.changes import Kind
from domain.environments import Environment
from domain.errors import Unavailable
from domain.instances import Holds
from tests.world import Clock, World

PRODUCTION, DEV = Environment.PRODUCTION, Environment.DEV


@pytest.fixture
def clock(world: World) -> Clock:
    return world.clock


async def held(world: World, environment: Environment = PRODUCTION) -> dict[str, Holds]:
    async with world.store.transaction(world.tenant.id) as tx:
        since = world.clock.now - timedelta(minutes=5)
        pages = [await tx.instances.page(environment, kind, since, "", 100_000) for kind in (Kind.FLAG, Kind.SETTING)]
    return {each.name: each.holds for page in pages for each in page}


class TestSightings:
    async def test_nothing_is_written_before_the_flush_and_everything_after(self, world: World, clock: Clock) -> None:
        sightings = Sightings(world.store, clock)
        sightings.see(world.tenant.id, PRODUCTION, "a", Holds(flags=1))
        sightings.see(world.tenant.id, DEV, "a", Holds(settings=2))
        assert await held(world) == {}
        await sightings.flush()
        assert (await held(world), await held(world, DEV)) == ({"a": Holds(1)}, {"a": Holds(None, 2)})

    async def test_who_is_silent_about_one_kind_keeps_what_it_said_of_it(self, world: World, clock: Clock) -> None:
        sightings = Sightings(world.store, clock)
        sightings.see(world.tenant.id, PRODUCTION, "a", Holds(flags=1))
        sightings.see(world.tenant.id, PRODUCTION, "a", Holds(settings=7))
        await sightings.flush()
        assert await held(world) == {"a": Holds(1, 7)}

    async def test_who_says_nothing_new_is_written_every_half_minute(self, world: World, clock: Clock) -> None:
        sightings = Sightings(world.store, clock)
        for _ in range(1000):
            sightings.see(world.tenant.id, PRODUCTION, "a", Holds(flags=1))
        await sightings.flush()
        clock += timedelta(seconds=29)
        sightings.see(world.tenant.id, PRODUCTION, "a", Holds(flags=1))
        assert sightings._fresh == {}
        clock += timedelta(seconds=1)
        sightings.see(world.tenant.id, PRODUCTION, "a", Holds(flags=1))
        await sightings.flush()
        clock += timedelta(minutes=5)
        assert await held(world) == {"a": Holds(1)}

    async def test_who_holds_something_new_is_written_at_once(self, world: World, clock: Clock) -> None:
        sightings = Sightings(world.store, clock)
        for revision in (1, 2):
            sightings.see(world.tenant.id, PRODUCTION, "a", Holds(flags=revision))
            await sightings.flush()
        assert await held(world) == {"a": Holds(2)}

    async def test_an_outage_only_delays_it(self, world: World, clock: Clock) -> None:
        sightings = Sightings(world.store, clock)
        sightings.see(world.tenant.id, PRODUCTION, "a", Holds(flags=1))
        sightings.see(world.tenant.id, PRODUCTION, "b", Holds(flags=1))
        store: Any = world.store
        store.down = True
        with pytest.raises(Unavailable):
            await sightings.flush()
        sightings.see(world.tenant.id, PRODUCTION, "b", Holds(flags=2))
        store.down = False
        await sightings.flush()
        assert await held(world) == {"a": Holds(1), "b": Holds(2)}

    async def test_who_is_missed_is_gone_unless_it_is_seen_again(self, world: World, clock: Clock) -> None:
        sightings, here = Sightings(world.store, clock), (world.tenant.id, PRODUCTION)
        for name in ("a", "b", "c"):
            sightings.see(*here, name, Holds(flags=1))
        await sightings.flush()
        sightings.see(*here, "a", Holds(flags=2))
        for name in ("a", "b", "c"):
            sightings.miss(*here, name)
        sightings.see(*here, "c", Holds(flags=1))
        store: Any = world.store
        store.down = True
        with pytest.raises(Unavailable):
            await sightings.flush()
        sightings.see(*here, "b", Holds(flags=3))
        store.down = False
        await sightings.flush()
        assert await held(world) == {"b": Holds(3), "c": Holds(1)}

    async def test_no_tenant_fills_the_memory_or_the_table(self, world: World, clock: Clock) -> None:
        sightings = Sightings(world.store, clock, most=10)
        for number in range(50):
            sightings.see(world.tenant.id, PRODUCTION, f"i{number}", Holds(flags=1))
        await sightings.flush()
        clock += timedelta(seconds=1)
        for number in range(60, 70):
            sightings.see(world.tenant.id, PRODUCTION, f"i{number}", Holds(flags=1))
        await sightings.flush()
        assert set(await held(world)) == {f"i{number}" for number in range(60, 70)}
