"""What takes a change back comes before who waits, and in an emergency it sends away who is there, once."""

from uuid import UUID

import pytest

from application.bypassing import Emergency
from application.locking.turns import Turns
from domain.approvals import Standing
from domain.rollouts import State
from tests.world import World

EARLIER = UUID(int=7)
"""The change that is taken back."""


async def approved(world: World, rollout: UUID) -> UUID:
    for handle in ("bob", "cyd"):
        await world.vote(handle, rollout)
    return rollout


async def called(world: World) -> list[UUID]:
    world.processes.turns.clear()
    await Turns(world.store, world.processes).call()
    return list(world.processes.turns)


@pytest.mark.req("S87", "I3")
class TestRevert:
    async def test_comes_before_who_waited_first(self, world: World) -> None:
        waits = (await world.submit()).rollout.id
        back = (await world.submit(reverts=EARLIER)).rollout.id
        holder = await world.running()
        for each in (waits, back):
            assert (await world.admit(await approved(world, each))).state is State.QUEUED
        await world.progression.move(world.step(holder), State.ROLLING_BACK, "asked")
        assert await world.back(world.step(holder)) is State.ROLLED_BACK
        assert await called(world) == [back]
        assert (await world.admit(waits, "again")).why == "others_come_first"
        assert (await world.admit(back, "again")).state is State.RUNNING

    async def test_in_an_emergency_sends_the_holder_back_once_and_starts(self, world: World) -> None:
        waits = (await world.submit()).rollout.id
        change = await world.propose(reverts=EARLIER, plan={"strategy": "direct"})
        holder = await world.running()
        assert (await world.admit(await approved(world, waits))).state is State.QUEUED
        emergency = Emergency("INC-7", "the shop is down for everybody")
        urgent = await world.submission.submit(world.olu, change.id, emergency=emergency)
        assert (await world.state(urgent.approval.id)).standing is Standing.BYPASSED
        assert (await world.admit(urgent.rollout.id)).state is State.QUEUED
        assert (await world.rollout(holder)).superseded_by == urgent.rollout.id
        await world.progression.move(world.step(holder), State.ROLLING_BACK, "superseded")
        assert (await world.admit(urgent.rollout.id, "again")).state is State.QUEUED
        assert await world.back(world.step(holder)) is State.SUPERSEDED
        assert await world.back(world.step(holder)) is State.SUPERSEDED
        assert len(await world.events("flag:definition:restored")) == 1
        assert await called(world) == [urgent.rollout.id]
        assert (await world.admit(urgent.rollout.id, "last")).state is State.RUNNING
        assert (await world.admit(waits, "again")).state is State.QUEUED
