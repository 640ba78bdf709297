"""A rolling deployment goes from batch to batch while nothing is wrong, and a batch that fails is the last one."""

import pytest

from domain.rollouts import State, Verb
from domain.rollouts.parts import PartState
from domain.tenants import Tier
from tests.workflow.estates import Estate, estate, rolling
from tests.workflow.theatre import BRISK, Theatre, seen

KNOWN = {**BRISK, "acknowledge_infeasible": True}


async def shop(stage: Theatre) -> Estate:
    """One batch each, in this order."""
    return await estate(stage, free=Tier.FREE, pro=Tier.PRO, big=Tier.ENTERPRISE)


class TestByTime:
    @pytest.mark.req("S67")
    async def test_batches_follow_each_other_after_a_pause_in_the_order_of_their_tiers(self, stage: Theatre) -> None:
        below = await shop(stage)
        change = await below.submit(rolling(pause=600))
        await stage.until(change, State.RUNNING)

        async def first() -> bool:
            return await below.served() == {"free": "express", "pro": "classic", "big": "classic"}

        await seen(first)
        await stage.skip(change, minutes=11)
        assert await below.served() == {"free": "express", "pro": "express", "big": "classic"}
        await stage.skip(change, minutes=20)
        assert await stage.end(change) is State.SUCCEEDED
        assert set((await below.served()).values()) == {"express"}
        assert [round(percent) for percent in await stage.percents(change)] == [0, 33, 67, 100]

    async def test_abort_between_two_batches_takes_back_what_was_served(self, stage: Theatre) -> None:
        below = await shop(stage)
        change = await below.submit(rolling(pause=600))
        await stage.until(change, State.RUNNING)
        await stage.skip(change, minutes=11)
        await stage.act(stage.house.olu, change, Verb.ABORT)
        assert await stage.end(change) is State.ROLLED_BACK
        assert set((await below.served()).values()) == {"classic"}

    @pytest.mark.req("I2")
    async def test_pause_holds_the_next_batch(self, stage: Theatre) -> None:
        below = await shop(stage)
        change = await below.submit(rolling(pause=600))
        await stage.until(change, State.RUNNING)
        await stage.skip(change, minutes=2)
        await stage.act(stage.house.olu, change, Verb.PAUSE)
        await stage.skip(change, hours=2)
        assert (await below.served())["pro"] == "classic"
        await stage.act(stage.house.olu, change, Verb.RESUME)
        await stage.skip(change, hours=1)
        assert await stage.end(change) is State.SUCCEEDED


class TestGated:
    @pytest.mark.req("S67", "I5")
    async def test_batch_that_fails_is_the_last_and_all_go_back(self, stage: Theatre) -> None:
        below = await shop(stage)
        below.drive()
        change = await below.submit(rolling(), gates=KNOWN)
        await stage.until(change, State.RUNNING)
        below.drive("free", errors=0.6)
        await stage.skip(change, minutes=30)
        assert await stage.end(change) is State.ROLLED_BACK
        assert (await stage.rollout(change)).cause == "gate_failed"
        assert set((await below.served()).values()) == {"classic"}
        states = [part.state for part in await below.parts(change)]
        assert states == [PartState.RESTORED, PartState.PENDING, PartState.PENDING]

    async def test_healthy_batches_pass_one_after_the_other(self, stage: Theatre) -> None:
        below = await shop(stage)
        below.drive()
        change = await below.submit(rolling(), gates=KNOWN)
        await stage.until(change, State.RUNNING)
        await stage.skip(change, hours=3)
        assert await stage.end(change) is State.SUCCEEDED
        assert {check.stage for check in await stage.evidence(change)} >= {0, 1}

    @pytest.mark.req("I8")
    async def test_batch_that_stays_as_it_is_waits_for_a_person_and_not_for_ever(self, stage: Theatre) -> None:
        below = await shop(stage)
        below.drive()
        change = await below.submit(rolling(rollback="none", hold_limit_seconds=3600), gates=KNOWN)
        await stage.until(change, State.RUNNING)
        below.drive("free", errors=0.6)
        await stage.skip(change, minutes=30)
        held = await stage.rollout(change)
        assert (held.state, held.cause) == (State.PAUSED, "batch_failed")
        assert (await below.served())["free"] == "express"
        await stage.skip(change, hours=2)
        assert await stage.end(change) is State.ROLLED_BACK

    @pytest.mark.req("S67", "I5")
    async def test_batch_that_fails_goes_back_alone_and_is_served_again_when_a_person_says_so(
        self, stage: Theatre
    ) -> None:
        below = await shop(stage)
        below.drive()
        change = await below.submit(rolling(pause=3600, rollback="failed_batch"), gates=KNOWN)
        await stage.until(change, State.RUNNING)
        await stage.skip(change, minutes=50)
        below.drive("pro", errors=0.6)
        await stage.skip(change, minutes=50)
        held = await stage.rollout(change)
        assert (held.state, held.cause, round(held.percent)) == (State.PAUSED, "batch_failed", 33)
        assert await below.served() == {"free": "express", "pro": "classic", "big": "classic"}
        states = [part.state for part in await below.parts(change)]
        assert states == [PartState.APPLIED, PartState.RESTORED, PartState.PENDING]
        below.drive("pro")
        await stage.act(stage.house.olu, change, Verb.RESUME, "its database has room again")
        await stage.skip(change, hours=6)
        assert await stage.end(change) is State.SUCCEEDED
        assert set((await below.served()).values()) == {"express"}

    @pytest.mark.req("S67", "I8")
    async def test_held_batch_that_nobody_looks_at_takes_all_back(self, stage: Theatre) -> None:
        below = await shop(stage)
        below.drive()
        plan = rolling(pause=3600, rollback="failed_batch", hold_limit_seconds=3600)
        change = await below.submit(plan, gates=KNOWN)
        await stage.until(change, State.RUNNING)
        await stage.skip(change, minutes=50)
        below.drive("pro", errors=0.6)
        await stage.skip(change, minutes=50)
        assert (await below.served())["free"] == "express"
        await stage.skip(change, hours=2)
        assert await stage.end(change) is State.ROLLED_BACK
        assert (await stage.rollout(change)).cause == "batch_failed_deadline"
        assert set((await below.served()).values()) == {"classic"}

    @pytest.mark.req("I1", "I5")
    @pytest.mark.parametrize("rollback", ["failed_batch", "none"])
    async def test_the_last_batch_is_judged_as_every_other(self, stage: Theatre, rollback: str) -> None:
        below = await estate(stage, free=Tier.FREE)
        below.drive()
        change = await below.submit(rolling(rollback=rollback), gates=KNOWN)
        await stage.until(change, State.RUNNING)
        below.drive("free", errors=0.6)
        await stage.skip(change, minutes=60)
        held = await stage.rollout(change)
        assert (held.state, held.cause) == (State.PAUSED, "batch_failed")
        assert await below.served() == {"free": "classic" if rollback == "failed_batch" else "express"}
        await stage.act(stage.house.olu, change, Verb.ABORT)
        assert await stage.end(change) is State.ROLLED_BACK
        assert await below.served() == {"free": "classic"}


class TestTenantsThatRefuse:
    @pytest.mark.req("S68")
    async def test_one_is_skipped_where_one_may_fail(self, stage: Theatre) -> None:
        below = await estate(stage, free=Tier.FREE, big=Tier.ENTERPRISE)
        await below.found("pro", Tier.PRO, bare=True)
        change = await below.submit(rolling(pause=600, batches={"max_failed": 1}))
        await stage.until(change, State.RUNNING)
        await below.fill("pro")
        await stage.skip(change, hours=1)
        assert await stage.end(change) is State.SUCCEEDED
        assert await below.served() == {"free": "express", "big": "express", "pro": "nothing"}
        assert [part.why.split(";")[0] for part in await below.parts(change)] == ["", "quota-exceeded", ""]

    @pytest.mark.req("S68", "I5")
    async def test_a_second_one_stops_it(self, stage: Theatre) -> None:
        below = await estate(stage, free=Tier.FREE)
        await below.found("pro", Tier.PRO, bare=True)
        await below.found("big", Tier.ENTERPRISE, bare=True)
        change = await below.submit(rolling(pause=600, batches={"max_failed": 1}))
        await stage.until(change, State.RUNNING)
        await below.fill("pro", "big")
        await stage.skip(change, hours=1)
        assert await stage.end(change) is State.ROLLED_BACK
        assert (await stage.rollout(change)).cause == "could_not_be_applied"
        assert await below.served() == {"free": "classic", "big": "nothing", "pro": "nothing"}

    @pytest.mark.req("S68", "I8")
    async def test_where_what_is_done_stays_a_person_clears_the_way(self, stage: Theatre) -> None:
        below = await estate(stage, free=Tier.FREE)
        await below.found("pro", Tier.PRO, bare=True)
        change = await below.submit(rolling(pause=600, rollback="none"))
        await stage.until(change, State.RUNNING)
        await below.fill("pro")
        await stage.skip(change, minutes=20)
        held = await stage.rollout(change)
        assert (held.state, held.cause) == (State.PAUSED, "could_not_be_applied")
        await below.fill("pro", room=10)
        await stage.act(stage.house.olu, change, Verb.RESUME, "made room for it")
        await stage.skip(change, minutes=20)
        assert await stage.end(change) is State.SUCCEEDED
        assert set((await below.served()).values()) == {"express"}
