"""Two writers, each of them right alone, do not together leave a circle, a conflict or a missing flag."""

import asyncio
from typing import Any

import pytest
import pytest_asyncio

from adapters.postgres.store import PostgresStore
from application.definitions import linking_faults
from application.flag_usage.archiving import FlagArchive
from application.whole_sets import WholeSets
from domain.changes import NothingChanges
from domain.environments import Environment
from domain.errors import Invalid, Stale
from domain.flags import BUCKETING
from domain.rollouts import StaleGeneration
from tests.world import OFF, Clock, World, world_in

DEV, WHY = Environment.DEV, "because of the test"
ROUNDS = range(6)
SPLIT: dict[str, Any] = {**OFF, "targeting": {"fractional": [["on", 50], ["off", 50]]}}


@pytest_asyncio.fixture
async def world(store: PostgresStore) -> World:
    return await world_in(store, Clock())


def needing(key: str) -> dict[str, Any]:
    return {**OFF, "targeting": {"if": [{"$flag": [key, "on"]}, "on"]}}


def rival(*conflicts: str) -> dict[str, Any]:
    authored = {"off": "off", "serve": "on"} | ({"conflicts": list(conflicts)} if conflicts else {})
    return {"state": "ENABLED", "variants": OFF["variants"], "authoring": authored}


async def one_was_refused(world: World, *writes: Any) -> None:
    answers = await asyncio.gather(*writes, return_exceptions=True)
    assert sorted(isinstance(each, Invalid) for each in answers) == [False, True], answers
    async with world.store.transaction(world.tenant.id) as tx:
        everything = (await tx.flags.flag_set(DEV)).flags
        assert await linking_faults(tx, DEV, everything) == {}


@pytest.mark.req("FP2", "SM-D6", "SM-D7")
class TestRacedLinks:
    @pytest.mark.parametrize(
        ("one", "other"), [(needing("{b}"), needing("{a}")), (rival("{b}"), rival())], ids=["circle", "conflict"]
    )
    async def test_of_two_updates_one_is_refused(self, world: World, one: Any, other: Any) -> None:
        for number in ROUNDS:
            a, b = f"a{number}", f"b{number}"
            for key in (a, b):
                await world.flags.create(world.ada, (DEV, key), OFF, WHY)
            await one_was_refused(
                world,
                world.flags.update(world.ada, (DEV, a), _named(one, a, b), expected=1, reason=WHY),
                world.flags.update(world.ada, (DEV, b), _named(other, a, b), expected=1, reason=WHY),
            )

    async def test_a_flag_does_not_go_while_another_comes_to_need_it(self, world: World) -> None:
        archive = FlagArchive(world.store)
        for number in ROUNDS:
            a, b = f"a{number}", f"b{number}"
            await world.flags.create(world.ada, (DEV, a), OFF, WHY)
            answers = await asyncio.gather(
                world.flags.create(world.ada, (DEV, b), needing(a), WHY),
                archive.archive(world.ada, (DEV, a), expected=1, reason=WHY, confirm=True),
                return_exceptions=True,
            )
            assert sum(isinstance(each, Exception) for each in answers) == 1, answers

    async def test_a_bucketing_does_not_come_while_a_flag_comes_to_need_another(self, world: World) -> None:
        """v3 cannot say what the flag needs, and v2 can."""
        bucketing = WholeSets(world.store, BUCKETING)
        await world.flags.create(world.ada, (DEV, "split"), SPLIT, WHY)
        version = 0
        for number in ROUNDS:
            if await self.present(world) == "v3":
                await bucketing.replace(world.ada, DEV, {"version": "v2"}, expected=version, reason=WHY)
                version += 1
            await one_was_refused(
                world,
                world.flags.create(world.ada, (DEV, f"f{number}"), needing("split"), WHY),
                bucketing.replace(world.ada, DEV, {"version": "v3"}, expected=version, reason=WHY),
            )
            if await self.present(world) == "v3":
                version += 1
            else:
                await world.flags.update(world.ada, (DEV, f"f{number}"), OFF, expected=1, reason=WHY)

    async def present(self, world: World) -> str:
        async with world.store.transaction(world.tenant.id) as tx:
            return (await tx.flags.flag_set(DEV)).bucketing

    async def test_of_two_that_choose_a_bucketing_one_is_too_late(self, world: World) -> None:
        bucketing = WholeSets(world.store, BUCKETING)
        for version in ROUNDS:
            chosen = {"version": "v3" if version % 2 else "v2"}
            answers = await asyncio.gather(
                *(bucketing.replace(world.ada, DEV, chosen, expected=version, reason=WHY) for _ in range(2)),
                return_exceptions=True,
            )
            (late,) = [each for each in answers if isinstance(each, Exception)]
            assert isinstance(late, StaleGeneration | Stale | NothingChanges), answers
        (newest, *_) = await bucketing.versions(world.ada, DEV, 99, 99)
        assert newest.version == len(ROUNDS)


def _named(definition: Any, a: str, b: str) -> Any:
    if isinstance(definition, str):
        return definition.replace("{a}", a).replace("{b}", b)
    if isinstance(definition, list):
        return [_named(each, a, b) for each in definition]
    if isinstance(definition, dict):
        return {name: _named(each, a, b) for name, each in definition.items()}
    return definition
