"""However many levels an answer comes through, it is the one that the database would give."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from adapters.memory.cache import MemorySettingCache
from adapters.memory.secrets import MemorySealer
from adapters.memory.store import MemoryStore
from application.settings.cases import SettingCases
from application.settings.developing import Snapshot
from application.settings.reading import Effective, Question
from application.settings.snapshots import Room, SettingSnapshots
from domain.environments import Environment
from domain.errors import Refusal
from domain.settings import Scope
from tests.hearing import Wire
from tests.wishing import ADA, BERLIN, DE, DEV, QA, SCOPES, WHY, cancel, define, say, ungovern, unset, wish
from tests.world import Clock, World, world_in

KEYS = ["a", "b", "c"]
PLACES = ["", DE, BERLIN, ADA]
HOUR = timedelta(hours=1)
WIDE = Room(patience=60)
TIGHT = Room(places=1, patience=60, worth=2)
"""Room for one environment, so that they take turns."""
NONE = Room(places=0, patience=0, worth=1_000_000)
"""Everything comes through the second level."""


class Process:
    def __init__(self, world: World, cache: MemorySettingCache | None, room: Room) -> None:
        self.wire = Wire()
        self.snapshots = SettingSnapshots(world.store, self.wire, world.clock, cache, room)
        self.setting = SettingCases.over(world.store, world.submission, MemorySealer(), self.snapshots)
        self._following = asyncio.create_task(self.snapshots.follow())

    async def hear(self, *tenants: UUID) -> None:
        for tenant in tenants:
            for environment in (DEV, QA):
                await self.wire.tell((tenant, environment))
        await self.snapshots.settled()

    async def close(self) -> None:
        self._following.cancel()
        await asyncio.gather(self._following, return_exceptions=True)


async def told(setting: SettingCases, world: World, environment: Environment, scope: str) -> list[Effective]:
    return await setting.reads.some_effective(world.eve, Question(environment, Scope(scope)), KEYS)


def held(snapshot: Snapshot) -> Any:
    """What a snapshot says, but for what has ended and how it came here."""
    at = snapshot.now()
    entries = {
        (key, scope): sorted((each for each in said if each.until is None or each.until > at), key=lambda e: e.version)
        for key, shelf in snapshot.entries.items()
        for scope, said in shelf.items()
    }
    stored = dict(snapshot.stored)
    return snapshot.epoch, stored, snapshot.keys, {place: said for place, said in entries.items() if said}


hours = st.integers(0, 4)
saying = st.tuples(st.just("say"), st.sampled_from(KEYS), st.sampled_from(PLACES), st.integers(0, 9))
steps = st.one_of(
    saying,
    saying,
    st.tuples(st.just("plan"), st.sampled_from(KEYS), st.sampled_from(PLACES), hours, st.integers(1, 4)),
    st.tuples(st.just("unset"), st.sampled_from(KEYS), st.sampled_from(PLACES)),
    st.tuples(st.just("cancel"), st.sampled_from(KEYS), st.sampled_from(PLACES), st.integers(1, 6)),
    st.tuples(st.just("define"), st.sampled_from(KEYS), st.integers(10, 19)),
    st.tuples(st.just("wait"), hours),
    st.tuples(st.just("flush")),
    st.tuples(st.just("away"), st.booleans()),
    st.tuples(st.just("deaf"), st.booleans()),
)


class Street:
    """Two tenants with equal keys, over one store and one cache, and processes that serve both.

    One is deaf at times: nothing is told to the cache then, but by those who do not find it there.
    """

    def __init__(self, worlds: list[World], cache: MemorySettingCache) -> None:
        self.worlds, self.cache = worlds, cache
        self.wide, self.tight, self.none = (Process(worlds[0], cache, room) for room in (WIDE, TIGHT, NONE))
        self.hearing = [self.wide, self.tight, self.none]
        self.versions = dict.fromkeys([(world.tenant.id, key) for world in worlds for key in KEYS], 1)

    async def act(self, number: int, step: tuple[Any, ...]) -> None:
        world = self.worlds[number]
        match step:
            case ("say", key, scope, value):
                await say(world, wish(key, value, scope))
            case ("plan", key, scope, since, lasts):
                begins = world.clock() + since * HOUR
                await say(world, wish(key, 50 + since, scope, since=begins, until=begins + lasts * HOUR))
            case ("unset", key, scope):
                await say(world, unset(key, scope))
            case ("cancel", key, scope, version):
                await cancel(world, key, version, scope)
            case ("define", key, default):
                await self._redefine(world, key, default)
            case ("wait", many):
                world.clock += many * HOUR
            case ("flush",):
                self.cache.flush()
            case ("away", so):
                self.cache.away = so
            case ("deaf", so):
                self.hearing = [self.none] if so else [self.wide, self.tight, self.none]
        event(step[0])

    async def _redefine(self, world: World, key: str, default: int) -> None:
        raw = {"key": key, "type": "integer", "scopes": SCOPES, "default": default}
        version = self.versions[world.tenant.id, key]
        await world.setting.definitions.replace(world.ada, key, raw, expected=version, reason=WHY)
        self.versions[world.tenant.id, key] += 1

    async def check(self) -> None:
        for world in self.worlds:
            for environment in (DEV, QA):
                for scope in ("", ADA):
                    truth = await told(world.setting, world, environment, scope)
                    for process in self.hearing:
                        assert await told(process.setting, world, environment, scope) == truth
                if self.wide in self.hearing:
                    await self._check_held(world, environment)

    async def hear(self) -> None:
        for process in self.hearing:
            await process.hear(*(world.tenant.id for world in self.worlds))

    async def _check_held(self, world: World, environment: Environment) -> None:
        present = await self.wide.snapshots.get(world.tenant.id, environment)
        fresh = await SettingSnapshots(world.store, Wire(), world.clock).get(world.tenant.id, environment)
        assert present is not None
        assert fresh is not None
        assert held(present) == held(fresh)

    async def close(self) -> None:
        for process in (self.wide, self.tight, self.none):
            await process.close()


@pytest.mark.req("FR-CFG-009", "ST79", "ST84")
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(st.tuples(st.integers(0, 1), steps), max_size=10))
async def test_every_level_tells_what_the_database_does(story: list[tuple[int, tuple[Any, ...]]]) -> None:
    clock = Clock()
    one = await world_in(MemoryStore(clock), clock)
    street = Street([one, await world_in(one.store, one.clock)], MemorySettingCache())
    for world in street.worlds:
        await ungovern(world)
        for key in KEYS:
            await define(world, key, default=10)
    await street.check()
    for number, step in story:
        with suppress(Refusal):
            await street.act(number, step)
        await street.hear()
        await street.check()
    event(f"second level: {'hits' if street.none.snapshots.tally.second_hits else 'no hit'}")
    await street.close()
