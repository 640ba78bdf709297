"""Values that need approval go the way of every change: together, over what was there, and back together."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from application.locking.ruling import RolloutPolicies
from application.policies import SetPolicy
from application.settings.outcome import Outcome
from application.settings.reading import Question
from application.settings.wishes import Order, Wish
from domain.approvals import ApprovalPolicy
from domain.changes import ChangeSet, Kind, NotRebasable
from domain.rollouts import OnConflict, StaleGeneration, State
from domain.rollouts.policy import StrategyNotAllowed
from domain.settings import EntryState, Scope
from tests.world import PRODUCTION, World

ROOT, COMPANY = Scope(), Scope("company:de")
LIMIT = {"key": "upload.limit", "type": "integer", "default": 10, "scopes": ["tenant", "company"]}
GATEWAY = {"key": "payment.gateway", "type": "string", "scopes": ["tenant", "company"]}


def wish(value: Any, key: str = "upload.limit", scope: Scope = ROOT, **more: Any) -> Wish:
    return Wish(key, scope, EntryState.SET, value, **more)


@pytest.fixture
async def defined(world: World) -> World:
    for definition in (LIMIT, GATEWAY):
        await world.setting.definitions.create(world.ada, definition, "for the test")
    return world


async def write(world: World, *wishes: Wish) -> Outcome:
    return await world.setting.writes.write(world.ada, Order(PRODUCTION, wishes, "because of the test"))


async def value(world: World, key: str = "upload.limit", scope: Scope = ROOT) -> Any:
    effective = await world.setting.reads.effective(world.eve, Question(PRODUCTION, scope), key)
    return effective.resolution.value if effective.resolution.found else None


async def approved(world: World, *wishes: Wish) -> UUID:
    outcome = await write(world, *wishes)
    assert outcome.submitted is not None
    for handle in ("bob", "cyd"):
        await world.vote(handle, outcome.submitted.approval.id)
    return outcome.submitted.rollout.id


async def served(world: World, *wishes: Wish) -> UUID:
    rollout = await approved(world, *wishes)
    assert (await world.admit(rollout)).state is State.RUNNING
    await world.progression.expose(world.step(rollout), 0)
    world.clock += timedelta(seconds=1)
    return rollout


async def succeeded(world: World, *wishes: Wish) -> UUID:
    rollout = await served(world, *wishes)
    await world.progression.move(world.step(rollout), State.BAKING, "all_stages_passed")
    assert await world.progression.move(world.step(rollout), State.SUCCEEDED, "completed") is State.SUCCEEDED
    return rollout


async def goes_back(world: World, rollout: UUID) -> State:
    await world.progression.move(world.step(rollout), State.ROLLING_BACK, "asked")
    end = await world.back(world.step(rollout))
    world.clock += timedelta(seconds=1)
    return end


class TestProposing:
    async def test_writes_nothing_before_the_last_vote(self, defined: World) -> None:
        outcome = await write(defined, wish(20))
        assert outcome.submitted is not None
        assert (outcome.entries, await value(defined)) == ((), 10)
        assert outcome.submitted.rollout.key == "#upload.limit"
        assert (await defined.changes.diff(defined.eve, outcome.submitted.change.id))["changes"] == [
            {"op": "added", "path": "/#upload.limit", "after": 20}
        ]

    @pytest.mark.req("S81")
    async def test_several_may_wait_for_one_place(self, defined: World) -> None:
        outcomes = [await write(defined, wish(number)) for number in (20, 30)]
        first, second = [each.submitted for each in outcomes]
        assert first is not None
        assert second is not None
        assert {first.rollout.state, second.rollout.state} == {State.AWAITING_APPROVAL}

    async def test_that_has_a_time_of_its_own_is_not_rebased(self, defined: World) -> None:
        outcome = await write(defined, wish(20, until=defined.clock() + timedelta(days=1)))
        assert outcome.submitted is not None
        with pytest.raises(NotRebasable):
            await defined.changes.rebase(defined.ada, outcome.submitted.change.id, uuid4())

    @pytest.mark.req("S14")
    async def test_is_rebased_over_what_is_there_now(self, defined: World) -> None:
        outcome = await write(defined, wish(20), wish("stripe", "payment.gateway"))
        assert outcome.submitted is not None
        await succeeded(defined, wish("paypal", "payment.gateway", COMPANY))
        again = await defined.changes.rebase(defined.ada, outcome.submitted.change.id, uuid4())
        assert again.content.same_as(outcome.submitted.change.content)
        assert again.digest == outcome.submitted.change.digest


class TestServing:
    @pytest.mark.req("FR-SM-001", "FR-SM-002")
    async def test_takes_effect_together_and_names_the_change(self, defined: World) -> None:
        rollout = await succeeded(defined, wish(20), wish("stripe", "payment.gateway", COMPANY))
        assert (await value(defined), await value(defined, "payment.gateway", COMPANY)) == (20, "stripe")
        entries, _ = await defined.setting.reads.stored(defined.eve, PRODUCTION, "upload.limit", ROOT)
        assert (entries[0].entry.change, entries[0].entry.written_by) == (rollout, defined.ada.id)
        assert len(await defined.events("setting:value:changed")) == 2

    async def test_is_done_once_however_often_the_step_is_tried(self, defined: World) -> None:
        rollout = await approved(defined, wish(20))
        await defined.admit(rollout)
        for _ in range(2):
            await defined.progression.expose(defined.step(rollout, "expose:0"), 0)
        _, version = await defined.setting.reads.stored(defined.eve, PRODUCTION, "upload.limit", ROOT)
        assert version == 1

    async def test_over_what_has_moved_is_invalid(self, defined: World) -> None:
        waiting = await approved(defined, wish(20), wish("stripe", "payment.gateway"))
        await succeeded(defined, wish("paypal", "payment.gateway"))
        admission = await defined.admit(waiting)
        assert (admission.state, admission.why) == (State.INVALIDATED, "base_version_moved")
        assert await value(defined) == 10

    async def test_that_a_broader_scope_forbids_by_now_is_invalid(self, defined: World) -> None:
        waiting = await approved(defined, wish(80, scope=COMPANY))
        await succeeded(defined, wish(20, constraint={"maximum": 50}))
        admission = await defined.admit(waiting)
        assert (admission.state, admission.why) == (State.INVALIDATED, "content_no_longer_valid")

    async def test_what_was_planned_for_a_time_that_has_passed_begins_at_once(self, defined: World) -> None:
        waiting = await approved(defined, wish(20, since=defined.clock() + timedelta(hours=1)))
        defined.clock += timedelta(hours=2)
        await defined.admit(waiting)
        await defined.progression.expose(defined.step(waiting), 0)
        defined.clock += timedelta(seconds=1)
        assert await value(defined) == 20


class TestCancelling:
    @pytest.fixture
    async def planned(self, defined: World) -> World:
        """20 holds, and 30 is planned as version 2 for tomorrow and one day."""
        tomorrow = defined.clock() + timedelta(days=1)
        await succeeded(defined, wish(20))
        await succeeded(defined, wish(30, since=tomorrow, until=tomorrow + timedelta(days=1)))
        return defined

    @pytest.mark.req("ST79")
    async def test_waits_for_approval_and_then_the_plan_never_begins(self, planned: World) -> None:
        rollout = await cancelling(planned)
        assert (await planned.admit(rollout)).state is State.RUNNING
        await planned.progression.expose(planned.step(rollout), 0)
        await planned.progression.move(planned.step(rollout), State.BAKING, "all_stages_passed")
        assert await planned.progression.move(planned.step(rollout), State.SUCCEEDED, "completed") is State.SUCCEEDED
        planned.clock += timedelta(days=1, hours=1)
        assert await value(planned) == 20

    async def test_of_what_has_begun_by_then_is_invalid(self, planned: World) -> None:
        rollout = await cancelling(planned)
        planned.clock += timedelta(days=1, hours=1)
        admission = await planned.admit(rollout)
        assert (admission.state, admission.why) == (State.INVALIDATED, "content_no_longer_valid")
        assert await value(planned) == 30

    @pytest.mark.req("I5")
    async def test_goes_back_to_the_plan(self, planned: World) -> None:
        rollout = await cancelling(planned)
        await planned.admit(rollout)
        await planned.progression.expose(planned.step(rollout), 0)
        assert await goes_back(planned, rollout) is State.ROLLED_BACK
        planned.clock += timedelta(days=1, hours=1)
        assert await value(planned) == 30
        planned.clock += timedelta(days=1)
        assert await value(planned) == 20

    async def test_over_what_has_moved_is_invalid(self, planned: World) -> None:
        rollout = await cancelling(planned)
        await succeeded_beside(planned)
        assert (await planned.admit(rollout)).why == "base_version_moved"


async def cancelling(world: World) -> UUID:
    """The plan is cancelled by a change that everybody has approved."""
    ending = Wish("upload.limit", ROOT, EntryState.UNSET, expected=2)
    outcome = await world.setting.writes.cancel(world.ada, PRODUCTION, ending, "because of the test")
    assert outcome.submitted is not None
    for handle in ("bob", "cyd"):
        await world.vote(handle, outcome.submitted.approval.id)
    return outcome.submitted.rollout.id


async def succeeded_beside(world: World) -> None:
    """Somebody writes the same place by a change that has another name."""
    await succeeded(world, wish("stripe", "payment.gateway"), wish(25))


class TestGoingBack:
    @pytest.mark.req("I5")
    async def test_restores_what_was_there(self, defined: World) -> None:
        await succeeded(defined, wish(20))
        rollout = await served(defined, wish(30), wish("stripe", "payment.gateway"))
        assert await goes_back(defined, rollout) is State.ROLLED_BACK
        assert (await value(defined), await value(defined, "payment.gateway")) == (20, None)
        history = await defined.setting.reads.history(defined.eve, PRODUCTION, "upload.limit", ROOT, 9, 9)
        assert [each.entry.value for each in history] == [20, 30, 20]
        assert history[0].origin == f"rollback_of:{rollout}"

    async def test_of_a_temporary_value_is_what_it_interrupted(self, defined: World) -> None:
        await succeeded(defined, wish(20))
        rollout = await served(defined, wish(99, until=defined.clock() + timedelta(days=1)))
        assert await value(defined) == 99
        assert await goes_back(defined, rollout) is State.ROLLED_BACK
        assert await value(defined) == 20
        defined.clock += timedelta(days=2)
        assert await value(defined) == 20

    async def test_of_a_plan_is_that_it_never_begins(self, defined: World) -> None:
        rollout = await served(defined, wish(20, since=defined.clock() + timedelta(hours=1)))
        assert await goes_back(defined, rollout) is State.ROLLED_BACK
        defined.clock += timedelta(hours=2)
        assert await value(defined) == 10

    async def test_that_is_no_longer_served_does_not_succeed(self, defined: World) -> None:
        rollout = await served(defined, wish(20))
        async with defined.store.transaction(defined.tenant.id) as tx:
            stored = (await tx.settings.of_change(rollout))[0]
            at = await tx.settings.lock(PRODUCTION)
            await tx.settings.end(PRODUCTION, (stored.key, stored.scope, 1, at))
            entry = replace(stored.entry, version=2, since=at, change=None, value=5)
            await tx.settings.put(replace(stored, entry=entry, origin="elsewhere"))
        defined.clock += timedelta(seconds=1)
        await defined.progression.move(defined.step(rollout), State.BAKING, "all_stages_passed")
        with pytest.raises(StaleGeneration):
            await defined.progression.move(defined.step(rollout), State.SUCCEEDED, "completed")
        assert await goes_back(defined, rollout) is State.ROLLBACK_INCOMPLETE
        assert await value(defined) == 5


@pytest.mark.req("S70")
class TestRolloutPolicy:
    @staticmethod
    async def put(world: World, **said: Any) -> None:
        policies = RolloutPolicies(world.store)
        await policies.put(world.root, (PRODUCTION, Kind.SETTING), said, expected=0, reason="for the test")

    async def test_says_whom_a_write_waits_for(self, defined: World) -> None:
        await self.put(defined, on_conflict="reject")
        rollout = await defined.rollout(await approved(defined, wish(20)))
        assert rollout.plan.on_conflict is OnConflict.REJECT

    async def test_says_whom_a_change_of_what_settings_mean_waits_for(self, defined: World) -> None:
        await self.put(defined, on_conflict="reject")
        wider = {**LIMIT, "default": 11}
        drafted = await defined.setting.definitions.replace(
            defined.ada, "upload.limit", wider, expected=1, reason="for the test"
        )
        assert isinstance(drafted, ChangeSet)
        assert drafted.content.plan["on_conflict"] == "reject"

    @pytest.mark.parametrize("asked", [True, False])
    @pytest.mark.parametrize("dry_run", [True, False])
    async def test_that_allows_nothing_at_once_lets_nobody_write(
        self, defined: World, *, asked: bool, dry_run: bool
    ) -> None:
        if not asked:
            await defined.tenants.set_policy(
                defined.root, SetPolicy(PRODUCTION, Kind.SETTING, ApprovalPolicy(), 0), "for the test"
            )
        await self.put(defined, strategies=["canary"])
        order = Order(PRODUCTION, (wish(20),), "because of the test", dry_run=dry_run)
        with pytest.raises(StrategyNotAllowed) as refused:
            await defined.setting.writes.write(defined.ada, order)
        assert refused.value.facts["allowed"] == ["canary"]
        assert await value(defined) == 10
