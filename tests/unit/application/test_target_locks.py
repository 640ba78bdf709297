"""Who holds a target, who waits for it, and who takes its place, without a workflow around it."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from application.bypassing import Emergency
from application.locking.superseding import ordered_to_displace
from application.locking.turns import Turns
from application.settings.wishes import Order, Wish
from domain.changes import ChangeStatus, TargetBusy
from domain.locks import DEPTH, NotApproved, NothingToSupersede, QueueFull
from domain.rollouts import Rollout, State
from domain.settings import EntryState, Scope
from tests.world import OFF, PRODUCTION, World

SUPERSEDE = {"on_conflict": "supersede"}
TAKE_OVER = {**SUPERSEDE, "takeover": "take_over"}
WHY = "because of the test"


async def started(world: World, **given: Any) -> UUID:
    """Approved, admitted, and its first stage is served."""
    rollout = (await world.approved(**given)).rollout.id
    assert (await world.admit(rollout)).state is State.RUNNING
    await world.progression.expose(world.step(rollout, "expose:0"), 0)
    return rollout


async def voted(world: World, change: UUID) -> UUID:
    for handle in ("bob", "cyd"):
        await world.vote(handle, change)
    return change


async def taken_back(world: World, rollout: UUID) -> State:
    found = await world.rollout(rollout)
    if found.state is not State.ROLLING_BACK:
        await world.progression.move(world.step(rollout), State.ROLLING_BACK, "asked")
    return await world.back(world.step(rollout))


async def called(world: World) -> list[UUID]:
    """Who hears that it may go on."""
    world.processes.turns.clear()
    await Turns(world.store, world.processes).call()
    return list(world.processes.turns)


@pytest.mark.req("S81", "I3")
class TestQueue:
    async def test_the_second_starts_after_the_first_has_gone_back(self, world: World) -> None:
        first, second = await world.submit(), await world.submit()
        for each in (first, second):
            await voted(world, each.change.id)
        assert (await world.admit(first.rollout.id)).state is State.RUNNING
        await world.progression.expose(world.step(first.rollout.id, "expose:0"), 0)
        admission = await world.admit(second.rollout.id, "admit:1")
        assert (admission.state, admission.why) == (State.QUEUED, "target_is_held")
        assert await called(world) == []
        assert await taken_back(world, first.rollout.id) is State.ROLLED_BACK
        assert await called(world) == [second.rollout.id]
        assert (await world.admit(second.rollout.id, "admit:2")).state is State.RUNNING
        assert (await world.rollout(second.rollout.id)).base_version == 3

    async def test_one_that_does_not_wait_is_refused_with_the_holder(self, world: World) -> None:
        await world.put()
        late = await world.propose(plan={"on_conflict": "reject"})
        holder = await started(world)
        with pytest.raises(TargetBusy) as refused:
            await world.submission.submit(world.ada, late.id)
        assert refused.value.facts["holder"] == str(holder)
        assert (await world.changes.get(world.ada, late.id)).status is ChangeStatus.DRAFT

    async def test_or_ends_when_the_target_was_taken_while_it_was_asked_about(self, world: World) -> None:
        late = (await world.submit(plan={"on_conflict": "reject"})).rollout.id
        await voted(world, late)
        await started(world)
        assert (await world.admit(late)).why == "target_busy"
        assert (await world.rollout(late)).state is State.CANCELLED

    async def test_has_room_for_ten(self, world: World) -> None:
        for _ in range(DEPTH):
            await world.submit()
        with pytest.raises(QueueFull) as refused:
            await world.submit()
        assert refused.value.facts == {"waiting": DEPTH, "most": DEPTH, "key": "checkout"}

    async def test_goes_by_approval_and_not_by_submission(self, world: World) -> None:
        holder = await world.submit()
        early, late = await world.submit(), await world.submit()
        await started_as(world, holder.change.id)
        await voted(world, late.change.id)
        world.clock += timedelta(seconds=1)
        await voted(world, early.change.id)
        for each in (early, late):
            assert (await world.admit(each.rollout.id)).state is State.QUEUED
        await taken_back(world, holder.rollout.id)
        assert await called(world) == [late.rollout.id]
        assert (await world.admit(early.rollout.id, "again")).why == "others_come_first"
        assert (await world.admit(late.rollout.id, "again")).state is State.RUNNING

    async def test_lets_go_of_nothing_that_it_does_not_hold(self, world: World) -> None:
        first = await world.submit()
        second = await started(world)
        await world.progression.settle(world.step(first.rollout.id), State.WITHDRAWN, "asked")
        async with world.store.transaction(world.tenant.id) as tx:
            assert await tx.target_locks.of(first.rollout.id) == []
            assert [each.held for each in await tx.target_locks.of(second)] == [True]

    async def test_an_outage_of_temporal_only_delays_it(self, world: World) -> None:
        first, second = await world.submit(), await world.submit()
        await started_as(world, first.change.id)
        await voted(world, second.change.id)
        await world.admit(second.rollout.id)
        await taken_back(world, first.rollout.id)
        world.processes.down = True
        turns = Turns(world.store, world.processes)
        assert await turns.call() == 0
        world.processes.down = False
        assert [await turns.call(), await turns.call()] == [1, 0]


async def started_as(world: World, change: UUID) -> UUID:
    await voted(world, change)
    assert (await world.admit(change)).state is State.RUNNING
    await world.progression.expose(world.step(change, "expose:0"), 0)
    return change


class TestSuperseding:
    @pytest.mark.req("S82")
    async def test_the_old_one_goes_back_first_and_the_new_one_starts_from_stable(self, world: World) -> None:
        newer = (await world.submit(plan=SUPERSEDE)).rollout.id
        old = await started(world)
        await voted(world, newer)
        assert (await world.admit(newer)).state is State.QUEUED
        assert (await world.rollout(old)).superseded_by == newer
        await Turns(world.store, world.processes).call()
        assert world.processes.displaced == [old]
        await taken_back(world, old)
        assert (await world.admit(newer, "again")).state is State.RUNNING
        found = await world.rollout(newer)
        assert (found.stage, found.percent, found.base_version) == (0, 0.0, 3)
        await world.progression.expose(world.step(newer, "expose:0"), 0)
        await taken_back(world, newer)
        flag = await world.flag()
        assert flag is not None
        assert flag.definition == OFF

    @pytest.mark.req("S83")
    async def test_or_the_new_one_goes_on_where_the_old_one_stood(self, world: World) -> None:
        newer = (await world.submit(plan=TAKE_OVER)).rollout.id
        old = await started(world)
        await voted(world, newer)
        before = await world.rollout(old)
        admission = await world.admit(newer)
        assert (admission.state, admission.why, admission.stage) == (State.RUNNING, "taken_over", before.stage)
        ended, begun = await world.rollout(old), await world.rollout(newer)
        assert (ended.state, ended.superseded_by) == (State.SUPERSEDED, newer)
        assert (begun.base_version, begun.live_version) == (before.base_version, before.live_version)
        assert begun.verdict is None
        await world.progression.expose(world.step(newer, "expose:0"), 0)
        await taken_back(world, newer)
        flag = await world.flag()
        assert flag is not None
        assert flag.definition == OFF

    @pytest.mark.req("S84")
    async def test_what_is_not_approved_takes_nobodys_place(self, world: World) -> None:
        newer = (await world.submit(plan=SUPERSEDE)).rollout.id
        old = await started(world)
        assert (await world.admit(newer)).state is State.AWAITING_APPROVAL
        async with world.store.transaction(world.tenant.id) as tx:
            with pytest.raises(NotApproved):
                await ordered_to_displace(tx, await found_in(tx, newer), world.olu, WHY)
        assert (await world.rollout(old)).superseded_by is None

    async def test_a_person_lets_one_that_waits_take_the_place(self, world: World) -> None:
        newer = (await world.submit()).rollout.id
        old = await started(world)
        await voted(world, newer)
        await world.admit(newer)
        async with world.store.transaction(world.tenant.id) as tx:
            assert await ordered_to_displace(tx, await found_in(tx, newer), world.olu, WHY) == [old]
        async with world.store.transaction(world.tenant.id) as tx:
            with pytest.raises(NothingToSupersede):
                await ordered_to_displace(tx, await found_in(tx, newer), world.olu, WHY)
        (event,) = await world.events("rollout:target:superseded")
        assert (event.event["reason"], event.event["after"]) == (WHY, {"by": str(newer)})

    @pytest.mark.req("S87")
    async def test_an_emergency_comes_first_and_sends_the_holder_back_once(self, world: World) -> None:
        urgent, waits = await world.submit(), await world.submit()
        holder = await started_as(world, (await world.submit()).change.id)
        await voted(world, waits.change.id)
        await world.admit(waits.rollout.id)
        await emergency(world, urgent.rollout)
        assert (await world.admit(urgent.rollout.id)).state is State.QUEUED
        assert (await world.rollout(holder)).superseded_by == urgent.rollout.id
        await world.progression.move(world.step(holder), State.ROLLING_BACK, "superseded")
        assert (await world.admit(urgent.rollout.id, "again")).state is State.QUEUED
        await taken_back(world, holder)
        lines = await world.timeline(holder)
        assert [line.to_state for line in lines].count(State.ROLLING_BACK) == 1
        assert await called(world) == [urgent.rollout.id]
        assert (await world.admit(waits.rollout.id, "again")).why == "others_come_first"
        assert (await world.admit(urgent.rollout.id, "last")).state is State.RUNNING


async def emergency(world: World, rollout: Rollout) -> None:
    """As if it had been submitted as one, and voted for."""
    async with world.store.transaction(world.tenant.id) as tx:
        found = await found_in(tx, rollout.id)
        await tx.rollouts.save(Emergency("INC-7", "the shop is down for everybody").on(found))
    await voted(world, rollout.change)


async def found_in(tx: Any, rollout: UUID) -> Rollout:
    found = await tx.rollouts.get(rollout)
    assert found is not None
    return found  # type: ignore[no-any-return]  # a Rollout


@pytest.mark.req("S86", "I3")
class TestScopes:
    async def test_the_root_and_what_is_below_it_are_one_place(self, world: World) -> None:
        await world.setting.definitions.create(world.ada, LIMIT, "for the test")
        broad, narrow, beside = [await asked_for(world, scope) for scope in ("", "company:acme", "company:other")]
        assert (await world.admit(narrow)).state is State.RUNNING
        assert (await world.admit(beside)).state is State.RUNNING
        assert (await world.admit(broad)).state is State.QUEUED


LIMIT = {"key": "limit", "type": "integer", "scopes": ["tenant", "company"], "schema": {}}


async def asked_for(world: World, scope: str) -> UUID:
    wish = Wish("limit", Scope(scope), EntryState.SET, 7)
    outcome = await world.setting.writes.write(world.ada, Order(PRODUCTION, (wish,), WHY))
    assert outcome.submitted is not None
    return await voted(world, outcome.submitted.rollout.id)
