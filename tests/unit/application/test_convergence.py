"""What a stage exposed is held by so many of those who are live, and nobody else is waited for."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from application.convergence import ConvergeWish, Converging, wishes
from domain.changes import Kind
from domain.environments import Environment
from domain.errors import Missing
from domain.instances import Convergence, Holds, Instance, Wish
from domain.rollouts import State
from domain.rollouts.parts import Part, PartState
from tests.world import PRODUCTION, World

ONE, TWO = UUID(int=1), UUID(int=2)


def part(tenant: UUID = ONE, kind: Kind = Kind.FLAG, state: PartState = PartState.APPLIED, revision: int = 5) -> Part:
    return Part(uuid4(), 0, tenant, "one", PRODUCTION, kind, "k", 1, 2, 0, state, revision)


async def seen(world: World, **held: int) -> None:
    async with world.store.transaction(world.tenant.id) as tx:
        instances = [Instance(PRODUCTION, name, Holds(revision), tx.now) for name, revision in held.items()]
        await tx.instances.report(instances, most=100)


async def look(world: World, rollout: UUID) -> Convergence:
    return await Converging(world.store).look(ConvergeWish(world.tenant.id, rollout, 0, world.clock.now))


@pytest.mark.req("S59")
class TestLooking:
    async def test_who_holds_what_is_exposed_is_counted(self, world: World) -> None:
        rollout = await world.running()
        async with world.store.transaction(world.tenant.id) as tx:
            revision = await tx.flags.revision(PRODUCTION)
        await seen(world, old=revision - 1, new=revision, newer=revision + 3)
        assert await look(world, rollout) == Convergence(3, 2)

    async def test_who_was_not_seen_for_five_minutes_is_not_waited_for(self, world: World) -> None:
        rollout = await world.running()
        await seen(world, gone=0)
        world.clock += timedelta(minutes=5, seconds=1)
        assert (await look(world, rollout)).share == 1.0
        await seen(world, late=0)
        assert (await look(world, rollout)).share == 0.0

    async def test_the_way_back_has_converged_when_what_was_restored_is_held(self, world: World) -> None:
        rollout = await world.running()
        await seen(world, a=10**6)
        await world.progression.move(world.step(rollout, "fail"), State.ROLLING_BACK, "gate_failed")
        await world.back(world.step(rollout, "restore"))
        async with world.store.transaction(world.tenant.id) as tx:
            revision = await tx.flags.revision(PRODUCTION)
        await seen(world, behind=revision - 1)
        assert await look(world, rollout) == Convergence(2, 1)

    async def test_what_is_not_there_has_not_converged(self, world: World) -> None:
        with pytest.raises(Missing):
            await look(world, uuid4())


class TestWishes:
    def test_the_newest_revision_of_a_place_is_after_all_of_its_parts(self) -> None:
        parts = [part(revision=5), part(revision=7), part(kind=Kind.SETTING, revision=3), part(TWO, revision=9)]
        assert wishes(parts) == [Wish(ONE, PRODUCTION, 7, 3), Wish(TWO, PRODUCTION, 9)]

    def test_what_was_not_written_or_is_somebody_elses_by_now_is_not_waited_for(self) -> None:
        left = [PartState.DRIFTED, PartState.SKIPPED, PartState.ACCEPTED]
        waiting = replace(part(state=PartState.PENDING), live_version=1)
        assert wishes([*(part(state=state) for state in left), waiting, part(revision=0)]) == []

    def test_what_was_restored_is_waited_for(self) -> None:
        assert wishes([part(state=PartState.RESTORED)]) == [Wish(ONE, Environment.PRODUCTION, 5)]
