"""Whom a stage reaches is decided by who they are: the same people at every attempt, more at every stage."""

from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest

from domain.flags import Bucketing, compile_flag_set
from domain.rollouts import State
from tests.world import OFF, ON, PRODUCTION, World

PEOPLE = [f"user-{number}" for number in range(2_000)]
LATER: Any = {**ON, "metadata": {"is": "later"}}


async def reached(world: World) -> set[str]:
    """Who is served what the change brings."""
    async with world.store.transaction(world.tenant.id) as tx:
        stored = await tx.flags.flag_set(PRODUCTION)
    flags = compile_flag_set(
        stored.flags, revision=stored.revision, bucketing=Bucketing(stored.bucketing), now=lambda: 0.0
    )
    return {each for each in PEOPLE if flags.evaluate("checkout", {"targetingKey": each}).variant == "on"}


async def grown(world: World, rollout: UUID, stage: int) -> set[str]:
    await world.judged(rollout)
    await world.progression.expose(world.step(rollout), stage)
    return await reached(world)


async def taken_back(world: World, rollout: UUID) -> None:
    await world.progression.move(world.step(rollout), State.ROLLING_BACK, "asked")
    assert await world.back(world.step(rollout)) is State.ROLLED_BACK


class TestPeople:
    @pytest.mark.req("S42", "S25", "I5")
    async def test_of_a_stage_are_in_every_later_one_and_in_the_same_one_after_a_retry(self, world: World) -> None:
        first = await world.running()
        groups = [await reached(world), *[await grown(world, first, stage) for stage in (1, 2)]]
        assert all(small < large for small, large in pairwise(groups))
        assert 0.07 < len(groups[0]) / len(PEOPLE) < 0.13
        await taken_back(world, first)
        assert await reached(world) == set()
        flag = await world.flag()
        assert flag is not None
        assert flag.definition == OFF
        await world.running(base_version=flag.version)
        assert await reached(world) == groups[0]

    @pytest.mark.req("S83")
    async def test_stay_the_same_when_another_takes_over_and_are_judged_anew(self, world: World) -> None:
        plan = {"on_conflict": "supersede", "takeover": "take_over"}
        newer = (await world.submit(plan=plan, content=LATER)).rollout.id
        old = await world.running()
        before = await reached(world)
        for handle in ("bob", "cyd"):
            await world.vote(handle, newer)
        assert (await world.admit(newer)).why == "taken_over"
        await world.progression.expose(world.step(newer), 0)
        assert await reached(world) == before
        begun = await world.rollout(newer)
        assert (begun.verdict, await world.rollouts.evidence(world.eve, newer)) == (None, [])
        assert begun.base_version == (await world.rollout(old)).base_version
        await taken_back(world, newer)
        assert await reached(world) == set()
