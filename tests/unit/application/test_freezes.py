"""What is frozen or cannot be seen does not start, and what is urgent passes both."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from adapters.memory.metrics import ScriptedSource, Traffic, constant
from application.admission import Admitting
from application.changes import Changes
from application.gating import CheckWish
from application.locking.freezing import FreezeWish, Freezing
from application.locking.turns import Turns
from domain.approvals import ApprovalPolicy
from domain.changes import Kind
from domain.errors import Invalid, Missing, Unavailable
from domain.gates import CohortQuery, MetricQuery, StageClock
from domain.locks import FreezeKind, Frozen, Reach, WhileRunning
from domain.people import PermissionMissing
from domain.rollouts import State
from tests.unit.application.frozen import HOUR, WHY, frozen
from tests.world import STAGING, START, World


async def called(world: World) -> list[UUID]:
    world.processes.turns.clear()
    await Turns(world.store, world.processes).call()
    return list(world.processes.turns)


class TestFreezing:
    async def test_needs_an_operator_a_reason_and_an_end(self, world: World) -> None:
        with pytest.raises(PermissionMissing):
            await Freezing(world.store).set(world.eve, wish(ends=world.clock() + HOUR))
        for ends in (None, world.clock(), world.clock() + timedelta(days=91)):
            with pytest.raises(Invalid) as refused:
                await Freezing(world.store).set(world.olu, wish(ends=ends))
            assert [fault.path for fault in refused.value.faults] == ["/until"]

    async def test_is_in_the_trail_and_so_is_its_end(self, world: World) -> None:
        freeze = await frozen(world)
        freezing = Freezing(world.store)
        with pytest.raises(Missing):
            await freezing.lift(world.olu, freeze.id, FreezeKind.BLOCK, WHY)
        for _ in range(2):
            lifted = await freezing.lift(world.olu, freeze.id, FreezeKind.FREEZE, WHY)
            assert lifted.lifted_by == world.olu.id
        (begun,), (ended,) = await world.events("freeze:record:created"), await world.events("freeze:record:lifted")
        assert (begun.event["after"]["owner"], begun.event["reason"]) == ("olu", WHY)
        assert ended.event["before"] == begun.event["after"]

    async def test_a_block_ends_after_ninety_days_unless_it_says_sooner(self, world: World) -> None:
        block = await frozen(world, kind=FreezeKind.BLOCK, ends=None)
        assert block.ends == world.clock() + timedelta(days=90)


def wish(**given: Any) -> FreezeWish:
    said: dict[str, Any] = {
        "kind": FreezeKind.FREEZE, "reach": Reach(), "starts": None, "ends": None,
        "running": WhileRunning.CONTINUE, "owner": "books", "reason": WHY,
    }  # fmt: skip
    return FreezeWish(**{**said, **given})


@pytest.mark.req("S88")
class TestFrozen:
    async def test_what_was_approved_is_blocked_and_goes_on_when_it_is_lifted(self, world: World) -> None:
        rollout = (await world.approved()).rollout.id
        freeze = await frozen(world)
        admission = await world.admit(rollout, "admit:1")
        assert (admission.state, admission.why, admission.until) == (State.BLOCKED, "frozen", freeze.ends)
        assert await called(world) == []
        await Freezing(world.store).lift(world.olu, freeze.id, FreezeKind.FREEZE, WHY)
        assert await called(world) == [rollout]
        assert (await world.admit(rollout, "admit:2")).state is State.RUNNING
        states = [line.to_state for line in await world.timeline(rollout)]
        assert states[1:] == [State.SCHEDULED, State.BLOCKED, State.QUEUED, State.PREFLIGHT, State.RUNNING]

    async def test_what_waits_in_the_queue_is_blocked_when_a_freeze_begins(self, world: World) -> None:
        first, second = await world.submit(), await world.submit()
        for each in (first, second):
            for handle in ("bob", "cyd"):
                await world.vote(handle, each.approval.id)
        await world.admit(first.rollout.id)
        assert (await world.admit(second.rollout.id, "admit:1")).state is State.QUEUED
        await frozen(world)
        assert await called(world) == [second.rollout.id]
        assert (await world.admit(second.rollout.id, "admit:2")).state is State.BLOCKED
        world.clock += 6 * HOUR
        assert (await world.admit(second.rollout.id, "admit:3")).state is State.QUEUED

    async def test_an_approval_that_is_over_by_then_is_over(self, world: World) -> None:
        rollout = (await world.approved()).rollout.id
        await frozen(world, ends=world.clock() + timedelta(days=10))
        validity = ApprovalPolicy().validity
        until = (await world.admit(rollout, "admit:1")).until
        assert until is not None
        assert until.replace(microsecond=0) == world.clock() + validity
        world.clock += validity + HOUR
        assert (await world.admit(rollout, "admit:2")).state is State.EXPIRED

    @pytest.mark.parametrize(
        "reach",
        [Reach(STAGING), Reach(kinds=(Kind.SETTING,)), Reach(prefix="search"), Reach(tag="pci")],
        ids=["environment", "kinds", "prefix", "tag"],
    )
    async def test_what_it_does_not_stand_over_starts(self, world: World, reach: Reach) -> None:
        rollout = (await world.approved()).rollout.id
        await frozen(world, reach)
        assert (await world.admit(rollout)).state is State.RUNNING

    async def test_begins_when_it_says(self, world: World) -> None:
        rollout = (await world.approved()).rollout.id
        await frozen(world, starts=world.clock() + HOUR)
        assert (await world.admit(rollout)).state is State.RUNNING

    async def test_what_takes_a_change_back_starts(self, world: World) -> None:
        back = (await world.approved(reverts=UUID(int=7))).rollout
        await frozen(world)
        assert back.priority == 1
        assert (await world.admit(back.id)).state is State.RUNNING

    async def test_what_would_start_at_once_and_not_wait_is_refused(self, world: World) -> None:
        await world.policy(ApprovalPolicy())
        freeze = await frozen(world)
        with pytest.raises(Frozen) as refused:
            await world.submit(plan={"on_conflict": "reject"})
        assert refused.value.facts["freeze"] == str(freeze.id)

    @pytest.mark.req("I2")
    @pytest.mark.parametrize("running", list(WhileRunning))
    async def test_what_runs_is_held_where_it_says_so(self, world: World, running: WhileRunning) -> None:
        rollout = await world.running()
        freeze = await frozen(world, running=running)
        check = CheckWish(world.tenant.id, rollout, 1, world.clock(), StageClock(0, 0.0, 600.0))
        expected = "frozen" if running is WhileRunning.PAUSE else ""
        for _ in range(2):
            assert (await world.gating.check(check)).hold == expected
        await Freezing(world.store).lift(world.olu, freeze.id, FreezeKind.FREEZE, WHY)
        assert (await world.gating.check(check)).hold == ""


class Source(ScriptedSource):
    """Counters whose keeper may be away."""

    away = False

    async def probe(self, query: MetricQuery | CohortQuery) -> None:
        if self.away:
            raise Unavailable
        await super().probe(query)


class TestSeeing:
    async def test_what_gates_watch_waits_for_whoever_counts(self, world: World) -> None:
        rollout = (await world.approved()).rollout.id
        source = Source(START)
        admitting, source.away = Admitting(world.store, source), True
        admission = await admitting.admit(world.step(rollout, "admit:1"))
        assert (admission.state, admission.why) == (State.SCHEDULED, "metrics_do_not_answer")
        assert admission.until == world.clock() + timedelta(minutes=1)
        source.away = False
        assert (await admitting.admit(world.step(rollout, "admit:2"))).state is State.RUNNING

    async def test_what_is_compared_waits_while_what_is_served_is_broken(self, world: World) -> None:
        rollout = (await world.approved()).rollout.id
        source = served(errors=0.3)
        admitting = Admitting(world.store, source)
        admission = await admitting.admit(world.step(rollout, "admit:1"))
        assert (admission.state, admission.why) == (State.SCHEDULED, "baseline_unhealthy")
        assert (await world.rollout(rollout)).cause == "baseline_unhealthy"
        source.drive("off", Traffic(constant(10.0), constant(0.01)))
        assert (await admitting.admit(world.step(rollout, "admit:2"))).state is State.RUNNING

    async def test_what_replaces_something_broken_waits_while_nothing_is(self, world: World) -> None:
        world.changes = Changes(world.store, served(errors=0.3))
        rollout = (await world.approved(gates={"fix_forward": {"max_error_rate": 0.05}})).rollout.id
        admission = await Admitting(world.store, served(errors=0.01)).admit(world.step(rollout, "admit:1"))
        assert (admission.state, admission.why) == (State.SCHEDULED, "baseline_healthy")
        again = await Admitting(world.store, served(errors=0.3)).admit(world.step(rollout, "admit:2"))
        assert again.state is State.RUNNING

    async def test_what_is_urgent_starts_whatever_is_served(self, world: World) -> None:
        back = (await world.approved(reverts=UUID(int=7))).rollout.id
        assert (await Admitting(world.store, served(errors=0.3)).admit(world.step(back))).state is State.RUNNING


def served(errors: float) -> ScriptedSource:
    """For a day everybody has been served what is there now."""
    return ScriptedSource(START - 24 * HOUR, {"off": Traffic(constant(10.0), constant(errors))})
