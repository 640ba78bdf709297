"""What waits for a window waits for its hours, and a policy says how a change may go."""

from datetime import timedelta
from uuid import UUID

import pytest

from application.locking.ruling import RolloutPolicies, Windows
from application.policies import SetPolicy
from domain.approvals import ApprovalPolicy, parse_policy
from domain.changes import Kind
from domain.errors import Invalid, Stale
from domain.people import PermissionMissing
from domain.rollouts import State, Strategy
from domain.rollouts.policy import StrategyNotAllowed
from tests.unit.application.frozen import HOUR, WHY, frozen
from tests.world import PRODUCTION, World

OFFICE = {"time_zone": "Europe/Berlin", "hours": {"mon": [["14:00", "17:00"]]}}
"""The world begins on a Monday at 09:00 UTC, which is 10:00 there."""


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
