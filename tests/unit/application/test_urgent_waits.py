"""What is approved and waits may become an emergency: then neither a freeze, nor a turn, nor a moment holds it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from application.bypassing import Emergency
from application.emergencies import Emergencies
from application.locking.turns import Turns
from application.reviewing import Reviewing
from application.submission import Submitted
from domain.approvals import NothingToBypass, ReviewOverdue, Standing
from domain.errors import Invalid, Unavailable
from domain.people import Actor
from domain.rollouts import State, Verb
from tests.unit.application.frozen import frozen
from tests.world import ON, World

DOWN = Emergency("INC-7", "the shop is down and nobody answers")
DAY = timedelta(days=1)
Waits = Callable[[World], Awaitable[UUID]]


async def broken(world: World, change: UUID, actor: Actor | None = None) -> Submitted:
    emergencies = Emergencies(world.store, world.processes, world.submission)
    return await emergencies.break_glass(actor or world.olu, change, DOWN)


async def blocked(world: World) -> UUID:
    """By a freeze of an hour."""
    change = (await world.approved()).change.id
    await frozen(world)
    assert (await world.admit(change, "admit:1")).state is State.BLOCKED
    return change


async def queued(world: World) -> UUID:
    """Behind one that serves its first stage."""
    change = (await world.approved()).change.id
    await world.running()
    assert (await world.admit(change, "admit:1")).state is State.QUEUED
    return change


async def scheduled(world: World) -> UUID:
    """For in ten days."""
    moment = (world.clock() + 10 * DAY).isoformat()
    change = (await world.approved(plan={"strategy": "direct", "apply_at": moment})).change.id
    await world.progression.move(world.step(change), State.SCHEDULED, "waits_until_due")
    return change


async def served_first(world: World) -> UUID:
    (first,) = [each for each in await world.rollouts.page(world.eve, None, 10) if each.state is State.RUNNING]
    return first.id


@pytest.mark.req("S19")
class TestUrgent:
    @pytest.mark.req("S88")
    async def test_it_starts_in_a_freeze(self, world: World) -> None:
        change = await blocked(world)
        submitted = await broken(world, change)
        assert (submitted.approval.standing, submitted.rollout.emergency) == (Standing.BYPASSED, "INC-7")
        admission = await world.admit(change, "admit:2")
        assert (admission.state, admission.emergency) == (State.RUNNING, True)

    @pytest.mark.req("S87")
    async def test_it_sends_the_holder_back_once_and_comes_next(self, world: World) -> None:
        change = await queued(world)
        holder = await served_first(world)
        await broken(world, change)
        for name in ("admit:2", "admit:3"):
            assert (await world.admit(change, name)).state is State.QUEUED
        await Turns(world.store, world.processes).call()
        assert world.processes.displaced == [holder]
        await world.progression.move(world.step(holder), State.ROLLING_BACK, "superseded")
        assert await world.back(world.step(holder)) is State.SUPERSEDED
        assert (await world.admit(change, "admit:4")).state is State.RUNNING
        assert (await world.rollout(holder)).superseded_by == change

    async def test_it_waits_for_no_moment_any_more(self, world: World) -> None:
        change = await scheduled(world)
        early = await world.admit(change, "admit:1")
        assert (early.state, early.why, early.until) == (
            State.SCHEDULED, "waits_until_due", world.clock() + 10 * DAY,
        )  # fmt: skip
        await broken(world, change)
        assert (await world.admit(change, "admit:2")).state is State.RUNNING

    async def test_an_answer_that_was_lost_says_the_same_again(self, world: World) -> None:
        change = await blocked(world)
        await broken(world, change)
        first = await world.admit(change, "admit:2")
        again = await world.admit(change, "admit:2")
        assert (again.state, again.emergency) == (first.state, first.emergency)

    @pytest.mark.req("I1")
    async def test_it_rises_without_a_gate_because_a_person_said_so(self, world: World) -> None:
        change = await blocked(world)
        await broken(world, change)
        await world.admit(change, "admit:2")
        for stage in (0, 1):
            await world.progression.expose(world.step(change, f"expose:{stage}"), stage)
        assert [line.cause for line in await world.timeline(change)][-1] == "in_an_emergency"


@pytest.mark.req("S19", "I6")
@pytest.mark.parametrize("waits", [blocked, queued, scheduled])
class TestInTheOpen:
    async def test_who_for_what_and_past_whose_yes_stands_in_the_trail(self, world: World, waits: Waits) -> None:
        change = await waits(world)
        await broken(world, change)
        (used,) = await world.events("change:approval:bypassed")
        assert (used.event["after"]["incident"], used.event["reason"]) == ("INC-7", DOWN.reason)
        closings = await world.events("approval:request:closed", change=change)
        said = [(row.event["before"]["standing"], row.event["after"]["standing"]) for row in closings]
        assert said == [("PENDING", "APPROVED"), ("APPROVED", "BYPASSED")]
        assert {ballot.voter for ballot in (await world.approvals.get(world.eve, change)).approval.ballots} == {
            world.bob.id, world.cyd.id,
        }  # fmt: skip

    async def test_every_approver_is_told_and_a_review_is_owed_in_a_day(self, world: World, waits: Waits) -> None:
        change = await waits(world)
        await broken(world, change)
        assert await world.told("breakglass_used") >= {"abe", "bob", "cyd", "dee", None}
        (review,) = await Reviewing(world.store).all(world.eve, owed=True)
        assert (review.change, review.incident, review.due_at - review.opened_at) == (change, "INC-7", DAY)
        world.clock += 2 * DAY
        with pytest.raises(ReviewOverdue):
            await broken(world, (await world.submit(key="other")).change.id)

    async def test_its_process_hears_of_it(self, world: World, waits: Waits) -> None:
        change = await waits(world)
        await broken(world, change)
        assert world.processes.hurried == [change]

    async def test_who_could_not_be_told_is_told_when_it_is_sent_again(self, world: World, waits: Waits) -> None:
        change, asked = await waits(world), replace(world.olu, request=uuid4())
        world.processes.down = True
        with pytest.raises(Unavailable):
            await broken(world, change, asked)
        world.processes.down = False
        assert (await broken(world, change, asked)).rollout.emergency == "INC-7"
        assert world.processes.hurried == [change]
        assert len(await Reviewing(world.store).all(world.eve)) == 1


class TestRefused:
    @pytest.mark.req("S19")
    async def test_twice_is_once_too_often(self, world: World) -> None:
        change = await blocked(world)
        await broken(world, change)
        with pytest.raises(NothingToBypass):
            await broken(world, change)

    async def test_what_has_ended_stays_so(self, world: World) -> None:
        change = await blocked(world)
        await world.control("ada", change, Verb.WITHDRAW)
        with pytest.raises(NothingToBypass):
            await broken(world, change)

    @pytest.mark.req("S20")
    async def test_content_that_is_not_valid_any_more_starts_in_no_emergency(self, world: World) -> None:
        await world.put({"vips": {"==": [{"var": "tier"}, "vip"]}}, key="$evaluators")
        await world.put()
        content = {**ON, "targeting": {"if": [{"$ref": "vips"}, "on", "off"]}}
        change = (await world.approved(content=content, plan={"strategy": "direct"})).change.id
        await frozen(world)
        await world.admit(change, "admit:1")
        await world.put({}, key="$evaluators")
        with pytest.raises(Invalid):
            await broken(world, change)
        assert (await world.rollout(change)).emergency is None
        assert await Reviewing(world.store).all(world.eve) == []
