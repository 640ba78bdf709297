"""What is frozen does not start, what waits for a window waits for its hours, and what is urgent passes both."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from adapters.memory.metrics import ScriptedSource, Traffic, constant
from application.admission import Admitting
from application.changes import Changes
from application.gating import CheckWish
from application.locking.freezing import FreezeWish, Freezing
from application.locking.ruling import RolloutPolicies, Windows
from application.locking.turns import Turns
from application.policies import SetPolicy
from domain.approvals import ApprovalPolicy, parse_policy
from domain.changes import Kind
from domain.errors import Invalid, Missing, Stale, Unavailable
from domain.gates import CohortQuery, MetricQuery, StageClock
from domain.locks import Freeze, FreezeKind, Frozen, Reach, WhileRunning
from domain.people import PermissionMissing
from domain.rollouts import State, Strategy
from domain.rollouts.policy import StrategyNotAllowed
from tests.world import PRODUCTION, STAGING, START, World

WHY = "because of the test"
HOUR = timedelta(hours=1)
OFFICE = {"time_zone": "Europe/Berlin", "hours": {"mon": [["14:00", "17:00"]]}}
"""The world begins on a Monday at 09:00 UTC, which is 10:00 there."""


EVERYTHING = Reach(PRODUCTION)


async def frozen(world: World, reach: Reach = EVERYTHING, **given: Any) -> Freeze:
    said: dict[str, Any] = {
        "kind": FreezeKind.FREEZE, "starts": None, "ends": world.clock() + 5 * HOUR,
        "running": WhileRunning.CONTINUE, "owner": None, "reason": WHY,
    }  # fmt: skip
    return await Freezing(world.store).set(world.olu, FreezeWish(reach=reach, **{**said, **given}))


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


class TestWindows:
    async def test_what_is_approved_outside_of_its_hours_waits_for_them(self, world: World) -> None:
        await Windows(world.store).put(world.root, "office", OFFICE, expected=0, reason=WHY)
        rollout = (await world.approved(plan={"window": "office"})).rollout.id
        admission = await world.admit(rollout, "admit:1")
        opening = world.clock() + 4 * HOUR
        assert (admission.state, admission.until) == (State.SCHEDULED, opening)
        assert admission.why == "waits_for_its_window"
        world.clock.now = opening
        assert (await world.admit(rollout, "admit:2")).state is State.RUNNING

    @pytest.mark.req("S17")
    async def test_what_opens_after_the_approval_is_over_is_not_waited_for(self, world: World) -> None:
        later = {"time_zone": "UTC", "hours": {"fri": [["09:00", "17:00"]]}}
        await Windows(world.store).put(world.root, "friday", later, expected=0, reason=WHY)
        rollout = (await world.approved(plan={"window": "friday"})).rollout.id
        until = (await world.admit(rollout, "admit:1")).until
        assert until is not None
        assert until.replace(microsecond=0) - world.clock() == ApprovalPolicy().validity == timedelta(hours=72)
        world.clock.now = until + timedelta(hours=8)
        assert (await world.admit(rollout, "admit:2")).why == "approval_validity_over"

    async def test_their_hours_are_those_in_which_people_answer_where_a_policy_says_so(self, world: World) -> None:
        raw = {"levels": [{}], "deadline_seconds": 3600, "calendar": {"window": "office"}}
        policy = parse_policy(raw)
        assert parse_policy(policy.to_json()) == policy
        wish = SetPolicy(PRODUCTION, Kind.FLAG, policy, 0)
        with pytest.raises(Invalid) as refused:
            await world.tenants.set_policy(world.root, wish, WHY)
        assert [fault.path for fault in refused.value.faults] == ["/policy/calendar/window"]
        windows = Windows(world.store)
        await windows.put(world.root, "office", OFFICE, expected=0, reason=WHY)
        await world.tenants.set_policy(world.root, wish, WHY)
        approval = (await world.submit()).approval
        opening = world.clock() + 4 * HOUR
        assert approval.timetable.deadline.replace(microsecond=0) == opening + HOUR
        await windows.put(world.root, "office", {**OFFICE, "holidays": ["2026-03-02"]}, expected=1, reason=WHY)
        async with world.store.transaction(world.tenant.id) as tx:
            kept = await tx.approvals.get(approval.id)
        assert kept is not None
        assert kept.timetable.deadline == approval.timetable.deadline

    async def test_open_or_not_it_starts_in_no_freeze(self, world: World) -> None:
        always = {"time_zone": "UTC", "hours": {"mon": [["00:00", "24:00"]]}}
        await Windows(world.store).put(world.root, "always", always, expected=0, reason=WHY)
        rollout = (await world.approved(plan={"window": "always"})).rollout.id
        await frozen(world)
        assert (await world.admit(rollout)).state is State.BLOCKED

    async def test_that_nobody_made_is_refused(self, world: World) -> None:
        with pytest.raises(Invalid) as refused:
            await world.submit(plan={"window": "office"})
        assert [fault.path for fault in refused.value.faults] == ["/plan/window"]

    async def test_is_replaced_by_who_saw_it(self, world: World) -> None:
        windows = Windows(world.store)
        await windows.put(world.root, "office", OFFICE, expected=0, reason=WHY)
        with pytest.raises(Stale):
            await windows.put(world.root, "office", OFFICE, expected=0, reason=WHY)
        with pytest.raises(PermissionMissing):
            await windows.put(world.ada, "office", OFFICE, expected=1, reason=WHY)
        changed = await windows.put(world.root, "office", {**OFFICE, "calendar": "business"}, expected=1, reason=WHY)
        assert (changed.version, changed.opens) == (2, world.clock() + 4 * HOUR)
        assert [each.name for each in await windows.page(world.eve, "", 9)] == ["office"]
        assert len(await world.events("window:record:changed")) == 2


@pytest.mark.req("S70")
class TestPolicy:
    @pytest.fixture
    async def strict(self, world: World) -> World:
        raw = {"strategies": ["canary", "rolling"], "on_conflict": "reject"}
        await RolloutPolicies(world.store).put(world.root, (PRODUCTION, Kind.FLAG), raw, expected=0, reason=WHY)
        return world

    async def test_what_it_does_not_allow_is_refused(self, strict: World) -> None:
        with pytest.raises(StrategyNotAllowed) as refused:
            await strict.submit(plan={"strategy": "direct"})
        assert refused.value.facts["allowed"] == ["canary", "rolling"]
        assert (await strict.submit()).rollout.plan.strategy is Strategy.CANARY

    async def test_but_what_takes_a_change_back_goes_any_way(self, strict: World) -> None:
        back = await strict.submit(plan={"strategy": "direct"}, reverts=UUID(int=7))
        assert back.rollout.plan.strategy is Strategy.DIRECT

    async def test_says_what_a_plan_does_not_say(self, strict: World) -> None:
        assert (await strict.submit()).rollout.plan.on_conflict == "reject"
        assert (await strict.submit(plan={"on_conflict": "queue"})).rollout.plan.on_conflict == "queue"

    async def test_is_of_one_environment_and_kind_and_in_the_trail(self, strict: World) -> None:
        policies = RolloutPolicies(strict.store)
        assert (await policies.get(strict.eve, PRODUCTION, Kind.SETTING)).version == 0
        found = await policies.get(strict.eve, PRODUCTION, Kind.FLAG)
        assert (found.version, found.policy.strategies) == (1, frozenset({Strategy.CANARY, Strategy.ROLLING}))
        (event,) = await strict.events("policy:rollout:changed")
        assert event.event["after"] == found.policy.to_json()
