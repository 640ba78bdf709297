"""Nobody gives a target up to what cannot start itself: what is served is not left to nobody."""

from uuid import UUID

import pytest

from domain.people import Role
from domain.rollouts import State
from tests.world import World

TAKE_OVER = {"on_conflict": "supersede", "takeover": "take_over"}
WHY = "because of the test"


async def two(world: World) -> tuple[UUID, UUID]:
    """One that serves its first stage, and an approved one that is to go on where that stands."""
    newer = (await world.approved(plan=TAKE_OVER)).rollout.id
    return await world.running(), newer


async def untouched(world: World, old: UUID, newer: UUID) -> None:
    admission = await world.admit(newer)
    assert (admission.state, admission.why) == (State.QUEUED, "target_is_held")
    found = await world.rollout(old)
    assert (found.state, found.superseded_by) == (State.RUNNING, None)
    assert await world.events("rollout:target:superseded") == []


@pytest.mark.req("S83", "I3")
class TestFit:
    async def test_one_whose_approver_is_none_any_more_takes_nothing_over(self, world: World) -> None:
        old, newer = await two(world)
        await world.tenants.set_roles(world.root, "bob", frozenset({Role.VIEWER}), WHY)
        await untouched(world, old, newer)
        await world.progression.move(world.step(old), State.ROLLING_BACK, "asked")
        await world.back(world.step(old))
        admission = await world.admit(newer, "admit:2")
        assert (admission.state, admission.why) == (State.AWAITING_APPROVAL, "approver_no_longer_eligible")

    async def test_nor_does_one_before_which_others_come(self, world: World) -> None:
        earlier, newer = await world.approved(), await world.approved(plan=TAKE_OVER)
        old = await world.running()
        assert (await world.admit(earlier.rollout.id)).state is State.QUEUED
        await untouched(world, old, newer.rollout.id)

    async def test_one_that_is_fit_does(self, world: World) -> None:
        old, newer = await two(world)
        assert (await world.admit(newer)).state is State.RUNNING
        assert (await world.rollout(old)).state is State.SUPERSEDED
