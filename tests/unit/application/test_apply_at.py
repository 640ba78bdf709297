"""A change that waits for its moment is looked at again when that has come."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from application.submission import Submitted
from domain.errors import Invalid
from domain.people import Role
from domain.rollouts import State, Verb
from tests.wishing import WHY, define, say, ungovern, version, wish
from tests.world import OFF, PRODUCTION, World

DAY = timedelta(days=1)


async def waiting(world: World, *, after: timedelta = 10 * DAY) -> UUID:
    """Approved today, to be applied then."""
    plan: dict[str, Any] = {"strategy": "direct", "apply_at": (world.clock() + after).isoformat()}
    submitted = await world.approved(plan=plan)
    await world.progression.move(world.step(submitted.rollout.id), State.SCHEDULED, "waits_until_due")
    return submitted.rollout.id


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

    async def test_for_what_is_past_is_refused(self, world: World) -> None:
        await world.put()
        with pytest.raises(Invalid) as refused:
            await world.propose(plan={"strategy": "direct", "apply_at": world.clock().isoformat()})
        assert [fault.path for fault in refused.value.faults] == ["/plan/apply_at"]


class TestValues:
    async def test_wait_even_where_nobody_is_asked(self, world: World) -> None:
        await ungovern(world)
        await define(world)
        due = world.clock() + DAY
        outcome = await say(world, wish("limit", 5), environment=PRODUCTION, apply_at=due)
        assert isinstance(outcome.submitted, Submitted)
        assert (outcome.levels, outcome.submitted.rollout.plan.apply_at) == (0, due)
        assert await version(world, environment=PRODUCTION) == 0

    async def test_for_what_is_past_are_refused(self, world: World) -> None:
        await define(world)
        with pytest.raises(Invalid) as refused:
            await say(world, wish("limit", 5), apply_at=world.clock())
        assert [fault.path for fault in refused.value.faults] == ["/apply_at"]
