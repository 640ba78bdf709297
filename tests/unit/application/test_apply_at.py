"""A change that waits for its moment is looked at again when that has come."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from application.bypassing import Emergency
from application.submission import Submitted
from domain.approvals import EmergencyScheduled
from domain.errors import Invalid
from domain.people import PermissionMissing, Role
from domain.rollouts import BEHIND, DUE, NotRunning, State, TooLate, Verb
from tests.unit.application.frozen import frozen
from tests.wishing import WHY, define, say, ungovern, version, wish
from tests.world import OFF, ON, PRODUCTION, World

DAY = timedelta(days=1)


def moments(world: World, **after: timedelta) -> dict[str, Any]:
    """A plan with these moments, counted from now."""
    return {"strategy": "direct", **{name: (world.clock() + each).isoformat() for name, each in after.items()}}


async def waiting(world: World, **given: Any) -> UUID:
    """Approved today, to be applied in ten days."""
    submitted = await world.approved(**{"plan": moments(world, apply_at=10 * DAY), **given})
    await world.progression.move(world.step(submitted.rollout.id), State.SCHEDULED, DUE)
    return submitted.rollout.id


async def succeeded(world: World, rollout: UUID) -> None:
    await world.progression.expose(world.step(rollout), 0)
    await world.progression.move(world.step(rollout), State.BAKING, "all_stages_passed")
    assert await world.progression.move(world.step(rollout), State.SUCCEEDED, "completed") is State.SUCCEEDED


class TestWaiting:
    async def test_is_admitted_however_long_ago_it_was_approved(self, world: World) -> None:
        rollout = await waiting(world)
        world.clock += 10 * DAY
        assert (await world.admit(rollout)).state is State.RUNNING

    async def test_is_too_late_when_its_moment_is_long_past(self, world: World) -> None:
        rollout = await waiting(world)
        world.clock += 14 * DAY
        admission = await world.admit(rollout)
        assert (admission.state, admission.why) == (State.EXPIRED, "approval_validity_over")

    async def test_is_asked_about_again_when_an_approver_is_none_by_then(self, world: World) -> None:
        rollout = await waiting(world)
        await world.tenants.set_roles(world.root, "bob", frozenset({Role.VIEWER}), WHY)
        world.clock += 10 * DAY
        admission = await world.admit(rollout)
        assert (admission.state, admission.why) == (State.AWAITING_APPROVAL, "approver_no_longer_eligible")

    async def test_over_what_has_moved_is_invalid(self, world: World) -> None:
        rollout = await waiting(world)
        await world.put({**OFF, "metadata": {"owner": "shop"}})
        world.clock += 10 * DAY
        assert (await world.admit(rollout)).state is State.INVALIDATED

    async def test_asked_before_its_moment_it_waits_on(self, world: World) -> None:
        rollout = await waiting(world)
        world.clock += 9 * DAY
        admission = await world.admit(rollout)
        assert (admission.state, admission.until) == (State.SCHEDULED, world.clock() + DAY)
        world.clock += DAY
        assert (await world.admit(rollout, "admit:2")).state is State.RUNNING

    async def test_is_withdrawn_by_an_author(self, world: World) -> None:
        rollout = await waiting(world)
        assert await world.control("ada", rollout, Verb.WITHDRAW) is State.WITHDRAWN
        assert (await world.admit(rollout)).state is State.WITHDRAWN

    async def test_waits_by_the_clock_of_its_process_though_that_of_the_database_is_ahead(self, world: World) -> None:
        rollout = await waiting(world)
        step = world.step(rollout)
        world.clock += 11 * DAY
        assert (await world.admitting.admit(step)).why == DUE

    async def test_moved_by_a_rebase_it_is_asked_about_again(self, world: World) -> None:
        rollout = await waiting(world)
        await world.put({**OFF, "metadata": {"owner": "shop"}})
        world.clock += 10 * DAY
        assert (await world.admit(rollout)).state is State.INVALIDATED
        again = await world.changes.rebase(world.ada, rollout, uuid4())
        assert "apply_at" not in again.content.plan
        assert (await world.submission.submit(world.ada, again.id)).approval.ballots == ()


@pytest.mark.req("SD1")
class TestMoments:
    @pytest.mark.parametrize(
        ("wrong", "days"),
        [
            (["/plan/apply_at"], {"apply_at": 0}),
            (["/plan/apply_at"], {"apply_at": 400}),
            (["/plan/apply_by"], {"apply_by": 0}),
            (["/plan/apply_by"], {"apply_at": 3, "apply_by": 3}),
            (["/plan/apply_at", "/plan/apply_by"], {"apply_at": -1, "apply_by": -2}),
        ],
    )
    async def test_that_cannot_be_are_refused(self, world: World, wrong: list[str], days: dict[str, int]) -> None:
        await world.put()
        with pytest.raises(Invalid) as refused:
            await world.propose(plan=moments(world, **{name: count * DAY for name, count in days.items()}))
        assert [fault.path for fault in refused.value.faults] == wrong

    async def test_approved_late_it_starts_at_once(self, world: World) -> None:
        submitted = await world.submit(plan=moments(world, apply_at=DAY))
        world.clock += 2 * DAY
        for voter in ("bob", "cyd"):
            await world.vote(voter, submitted.approval.id)
        assert (await world.admit(submitted.rollout.id)).state is State.RUNNING

    async def test_approved_too_late_it_does_not_start(self, world: World) -> None:
        submitted = await world.submit(plan=moments(world, apply_at=DAY, apply_by=DAY * 1.5))
        world.clock += 2 * DAY
        for voter in ("bob", "cyd"):
            await world.vote(voter, submitted.approval.id)
        admission = await world.admit(submitted.rollout.id)
        assert (admission.state, admission.why) == (State.EXPIRED, "too_late")

    async def test_what_is_held_back_for_too_long_does_not_start(self, world: World) -> None:
        rollout = await waiting(world, plan=moments(world, apply_at=10 * DAY, apply_by=11 * DAY))
        world.clock += 10 * DAY
        await frozen(world, ends=world.clock() + 2 * DAY)
        held = await world.admit(rollout, "admit:1")
        assert (held.state, held.until) == (State.BLOCKED, world.clock() + DAY)
        world.clock += DAY * 1.1
        assert (await world.admit(rollout, "admit:2")).why == "too_late"

    async def test_a_draft_left_lying_is_too_late(self, world: World) -> None:
        await world.put()
        change = await world.propose(plan=moments(world, apply_by=DAY))
        world.clock += DAY
        with pytest.raises(TooLate):
            await world.submission.submit(world.ada, change.id)

    async def test_an_emergency_has_none(self, world: World) -> None:
        await world.put()
        change = await world.propose(plan=moments(world, apply_at=DAY))
        with pytest.raises(EmergencyScheduled):
            await world.submission.submit(world.olu, change.id, emergency=Emergency("INC-7", "nobody can be asked now"))

    async def test_a_plan_without_any_says_what_it_always_said(self, world: World) -> None:
        await world.put()
        plan = (await world.propose(plan={"strategy": "direct"})).content.plan
        assert not {"apply_at", "apply_by", "after"} & set(plan)


@pytest.mark.req("SD2")
class TestStart:
    async def test_before_its_moment_is_an_act_of_an_operator(self, world: World) -> None:
        rollout = await waiting(world)
        with pytest.raises(PermissionMissing):
            await world.control("ada", rollout, Verb.START)
        assert await world.control("olu", rollout, Verb.START) is State.QUEUED
        line = (await world.timeline(rollout))[-1]
        assert (line.cause, line.actor, line.reason) == ("start_by_operator", world.olu.id, "because I say so")
        assert (await world.admit(rollout)).state is State.RUNNING

    async def test_a_freeze_still_holds_it(self, world: World) -> None:
        rollout = await waiting(world)
        await frozen(world)
        await world.control("olu", rollout, Verb.START)
        assert (await world.admit(rollout)).state is State.BLOCKED

    async def test_counts_for_the_approval_that_it_has(self, world: World) -> None:
        rollout = await waiting(world)
        await world.control("olu", rollout, Verb.START)
        await world.tenants.set_roles(world.root, "bob", frozenset({Role.VIEWER}), WHY)
        assert (await world.admit(rollout, "admit:1")).state is State.AWAITING_APPROVAL
        await world.vote("dee", rollout)
        assert (await world.admit(rollout, "admit:2")).why == DUE

    async def test_of_what_waits_for_something_else_is_refused(self, world: World) -> None:
        rollout = (await world.approved()).rollout.id
        await world.progression.move(world.step(rollout), State.SCHEDULED, "waits_for_its_window")
        with pytest.raises(NotRunning):
            await world.control("olu", rollout, Verb.START)


@pytest.mark.req("SD3")
class TestAfter:
    """On at eight, off at six: the second is written over what the first leaves."""

    async def both(self, world: World, **given: Any) -> tuple[UUID, UUID]:
        first = await waiting(world)
        plan = {**moments(world, apply_at=20 * DAY), "after": str(first)}
        second = await waiting(world, **{"plan": plan, "content": OFF, **given})
        return first, second

    async def test_shows_what_it_changes_of_that(self, world: World) -> None:
        first, second = await self.both(world)
        told = await world.changes.diff(world.eve, second)
        assert [(line["path"], line["after"]) for line in told["changes"]] == [("/defaultVariant", "off")]
        assert await world.changes.diff(world.eve, first) != told

    async def test_starts_when_that_has_succeeded(self, world: World) -> None:
        first, second = await self.both(world)
        world.clock += 10 * DAY
        assert (await world.admit(first)).state is State.RUNNING
        world.clock += 10 * DAY
        behind = await world.admit(second, "admit:1")
        assert (behind.state, behind.why) == (State.SCHEDULED, BEHIND)
        await succeeded(world, first)
        assert (await world.admit(second, "admit:2")).state is State.RUNNING
        await succeeded(world, second)
        flag = await world.flag()
        assert flag is not None
        assert (flag.definition, flag.version) == (OFF, 3)

    async def test_does_not_start_when_that_did_not_succeed(self, world: World) -> None:
        first, second = await self.both(world)
        await world.control("ada", first, Verb.WITHDRAW)
        world.clock += 20 * DAY
        admission = await world.admit(second)
        assert (admission.state, admission.why) == (State.INVALIDATED, "change_before_did_not_succeed")

    async def test_does_not_start_over_what_somebody_wrote_since(self, world: World) -> None:
        first, second = await self.both(world)
        world.clock += 10 * DAY
        await world.admit(first)
        await succeeded(world, first)
        await world.put({**ON, "metadata": {"owner": "shop"}})
        world.clock += 10 * DAY
        admission = await world.admit(second)
        assert (admission.state, admission.why) == (State.INVALIDATED, "base_version_moved")

    async def test_without_it_the_second_of_one_flag_is_invalid(self, world: World) -> None:
        first = await waiting(world)
        second = await waiting(world, plan=moments(world, apply_at=20 * DAY))
        world.clock += 10 * DAY
        await world.admit(first)
        await succeeded(world, first)
        world.clock += 10 * DAY
        assert (await world.admit(second)).why == "base_version_moved"

    @pytest.mark.parametrize("named", ["nothing", "ended", "another"])
    async def test_of_what_is_not_before_it_is_refused(self, world: World, named: str) -> None:
        before = uuid4()
        await world.put()
        if named != "nothing":
            before = await waiting(world, key="other" if named == "another" else "checkout")
        if named == "ended":
            await world.control("ada", before, Verb.WITHDRAW)
        with pytest.raises(Invalid) as refused:
            await world.propose(plan={"strategy": "direct", "after": str(before)})
        assert [fault.path for fault in refused.value.faults] == ["/plan/after"]


class TestValues:
    async def test_wait_even_where_nobody_is_asked(self, world: World) -> None:
        await ungovern(world)
        await define(world)
        due = world.clock() + DAY
        outcome = await say(world, wish("limit", 5), environment=PRODUCTION, apply_at=due, apply_by=due + DAY)
        assert isinstance(outcome.submitted, Submitted)
        plan = outcome.submitted.rollout.plan
        assert (outcome.levels, plan.apply_at, plan.apply_by) == (0, due, due + DAY)
        assert await version(world, environment=PRODUCTION) == 0

    async def test_for_what_is_past_are_refused(self, world: World) -> None:
        await define(world)
        with pytest.raises(Invalid) as refused:
            await say(world, wish("limit", 5), apply_at=world.clock(), apply_by=world.clock() - DAY)
        assert [fault.path for fault in refused.value.faults] == ["/apply_at", "/apply_by"]
