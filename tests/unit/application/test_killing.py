from datetime import timedelta

import pytest

from domain.approvals import Standing
from domain.errors import Invalid, Missing
from domain.people import PermissionMissing
from domain.rollouts import StaleGeneration, State
from tests.world import OFF, ON, PRODUCTION, World


class TestKillSwitch:
    async def test_pins_what_was_stable_before_the_rollout(self, world: World) -> None:
        rollout = await world.running()
        killed = await world.kill_switch.kill(world.root, PRODUCTION, "checkout", variant=None, reason="it burns")
        assert killed.flag.definition == OFF
        assert (killed.flag.version, killed.flag.origin, killed.stopped_rollout) == (3, "kill", rollout)
        assert world.processes.kills == [rollout]

    async def test_opens_a_review_and_tells_every_approver(self, world: World) -> None:
        await world.put(ON)
        killed = await world.kill_switch.kill(world.root, PRODUCTION, "checkout", variant="off", reason="it burns")
        async with world.store.transaction(world.tenant.id) as tx:
            (review,) = await tx.reviews.all()
        assert (review.id, review.due_at) == (killed.review, world.clock() + timedelta(hours=24))
        assert await world.told("kill_switch") == {"abe", "bob", "cyd", "dee", None}
        assert len(await world.events("flag:switch:killed")) == len(await world.events("review:killswitch:opened")) == 1

    async def test_works_while_temporal_does_not(self, world: World) -> None:
        rollout = await world.running()
        world.processes.down = True
        killed = await world.kill_switch.kill(world.root, PRODUCTION, "checkout", variant=None, reason="it burns")
        assert killed.flag.definition == OFF
        assert rollout in {row.id for row in await world.store.waiting()}

    @pytest.mark.req("S72", "S76")
    async def test_fences_the_rollout_off(self, world: World) -> None:
        rollout = await world.running()
        await world.judged(rollout)
        await world.kill_switch.kill(world.root, PRODUCTION, "checkout", variant=None, reason="it burns")
        with pytest.raises(StaleGeneration):
            await world.progression.expose(world.step(rollout), 1)
        await world.progression.move(world.step(rollout), State.ROLLING_BACK, "killed")
        assert await world.back(world.step(rollout)) is State.SUPERSEDED
        flag = await world.flag()
        assert flag is not None
        assert (flag.version, flag.definition) == (3, OFF)

    @pytest.mark.req("FR-CFG-008")
    async def test_what_waits_for_the_flag_is_over(self, world: World) -> None:
        await world.put()
        waiting = (await world.submit()).rollout.id
        killed = await world.kill_switch.kill(world.root, PRODUCTION, "checkout", variant=None, reason="it burns")
        rollout = await world.rollout(waiting)
        assert (rollout.state, rollout.cause, killed.stopped_rollout) == (State.INVALIDATED, "killed", waiting)
        async with world.store.transaction(world.tenant.id) as tx:
            approval = await tx.approvals.get(waiting)
            assert await tx.target_locks.of(waiting) == []
        assert approval is not None
        assert approval.standing is Standing.INVALIDATED
        assert world.processes.kills == []
        assert await world.told("votes_invalidated") == {"ada", None}

    async def test_what_is_queued_behind_what_burns_is_over_as_well(self, world: World) -> None:
        running = await world.running()
        second = await world.submit(
            content={**ON, "metadata": {"second": True}},
            base_version=2,
            plan={"strategy": "direct", "on_conflict": "queue"},
        )
        killed = await world.kill_switch.kill(world.root, PRODUCTION, "checkout", variant=None, reason="it burns")
        assert (await world.rollout(second.rollout.id)).state is State.INVALIDATED
        assert killed.stopped_rollout == running
        assert (await world.rollout(running)).state is State.RUNNING  # it goes back by itself, and is fenced off

    async def test_what_is_for_other_flags_still_waits(self, world: World) -> None:
        await world.put()
        await world.put(key="search")
        waiting = (await world.submit(key="search")).rollout.id
        await world.kill_switch.kill(world.root, PRODUCTION, "checkout", variant=None, reason="it burns")
        assert (await world.rollout(waiting)).state is State.AWAITING_APPROVAL

    async def test_targeting_is_gone_and_a_disabled_flag_serves_the_pin(self, world: World) -> None:
        await world.put({**OFF, "state": "DISABLED", "targeting": {"if": [True, "on", "off"]}})
        killed = await world.kill_switch.kill(world.root, PRODUCTION, "checkout", variant="on", reason="it burns")
        assert killed.flag.definition == ON

    @pytest.mark.req("FR-SM-013")
    async def test_what_was_authored_is_gone_and_what_it_said_of_itself_stays(self, world: World) -> None:
        authoring = {"owner": "shop", "rules": [{"when": {"users": ["ann"]}, "serve": "on"}], "serve": "off"}
        await world.put({"state": "ENABLED", "variants": OFF["variants"], "authoring": authoring})
        killed = await world.kill_switch.kill(world.root, PRODUCTION, "checkout", variant=None, reason="it burns")
        assert killed.flag.definition == {**OFF, "metadata": {"owner": "shop"}}

    async def test_is_not_for_everybody(self, world: World) -> None:
        await world.put()
        for handle in ("ada", "bob", "eve", "olu"):
            with pytest.raises(PermissionMissing):
                await world.kill_switch.kill(world.people[handle], PRODUCTION, "checkout", variant=None, reason="x")

    async def test_needs_a_flag_and_a_variant_of_it(self, world: World) -> None:
        with pytest.raises(Missing):
            await world.kill_switch.kill(world.root, PRODUCTION, "checkout", variant=None, reason="x")
        await world.put({"state": "ENABLED", "variants": {"on": True}})
        for variant in (None, "off"):
            with pytest.raises(Invalid):
                await world.kill_switch.kill(world.root, PRODUCTION, "checkout", variant=variant, reason="x")
