"""Many tenants are written some at a time: what is half done says so, and goes on where it stood."""

import pytest

from application.progression import MIXED, Progression
from domain.rollouts import Phase, State
from domain.rollouts.parts import PartState
from tests.unit.application.estates import DIRECT, admitted, flag, found, nobody_is_asked, parts_of
from tests.world import World

ALL = {"all": True}
SLUGS = ("ape", "bee", "cat", "dog", "elk")


class Interrupted(Exception):
    """The worker dies between two transactions."""


@pytest.fixture
async def shop(world: World) -> World:
    await nobody_is_asked(world)
    for slug in SLUGS:
        await found(world, slug)
    return world


class TestMixed:
    @pytest.mark.req("S69")
    async def test_period_is_visible_and_ends(self, shop: World) -> None:
        rollout = await admitted(shop, flag(base=None), plan=DIRECT, tenants=ALL)
        beats: list[int] = []
        await Progression(shop.store, most=2).expose(shop.step(rollout, "expose"), 0, lambda: beats.append(1))
        lines = [(line.step, line.cause) for line in await shop.timeline(rollout)][-3:]
        assert lines == [("expose", MIXED), ("expose:1", MIXED), ("expose:2", "stage_begins")]
        assert len(beats) == 2
        assert (await shop.rollout(rollout)).phase is Phase.CONVERGING
        assert {part.state for part in await parts_of(shop, rollout)} == {PartState.APPLIED}

    @pytest.mark.req("S69", "S71", "S74")
    async def test_worker_that_dies_in_it_leaves_it_to_be_gone_on_with(self, shop: World) -> None:
        rollout = await admitted(shop, flag(base=None), plan=DIRECT, tenants=ALL)
        progression = Progression(shop.store, most=2)

        def die() -> None:
            raise Interrupted

        with pytest.raises(Interrupted):
            await progression.expose(shop.step(rollout, "expose"), 0, die)
        half = await shop.rollout(rollout)
        assert (half.state, half.phase) == (State.RUNNING, Phase.APPLYING)
        assert [part.state for part in await parts_of(shop, rollout)].count(PartState.APPLIED) == 2
        await progression.expose(shop.step(rollout, "expose"), 0)
        assert [part.state for part in await parts_of(shop, rollout)].count(PartState.APPLIED) == 5
        steps = [line.step for line in await shop.timeline(rollout)]
        assert len(steps) == len(set(steps))

    @pytest.mark.req("S74", "I5")
    async def test_what_is_half_done_goes_back_whole(self, shop: World) -> None:
        rollout = await admitted(shop, flag(base=None), plan=DIRECT, tenants=ALL)

        def die() -> None:
            raise Interrupted

        with pytest.raises(Interrupted):
            await Progression(shop.store, most=2).expose(shop.step(rollout, "expose"), 0, die)
        await shop.progression.move(shop.step(rollout, "stop"), State.ROLLING_BACK, "abort_by_operator")
        await shop.restoring.restore(shop.step(rollout, "restore"))
        states = [part.state for part in await parts_of(shop, rollout)]
        assert (states.count(PartState.RESTORED), states.count(PartState.PENDING)) == (2, 3)
