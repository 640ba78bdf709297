from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from application.bypassing import Emergency
from application.emergencies import Emergencies
from application.reviewing import Overdue, Reviewing
from application.submission import Submitted
from domain.approvals import (
    EmergencyByService,
    NothingToBypass,
    ReviewClosed,
    ReviewOverdue,
    SelfReview,
    Standing,
    TooManyEmergencies,
)
from domain.errors import Invalid, Missing
from domain.people import Actor, PermissionMissing, PrincipalKind
from domain.rollouts import State
from tests.world import ON, World

DOWN = Emergency("INC-7", "the shop is down and nobody answers")
HOUR = timedelta(hours=1)


async def drafted(world: World, key: str) -> UUID:
    if await world.flag(key) is None:
        await world.put(key=key)
    return (await world.propose(key=key)).id


async def broken(world: World, key: str = "checkout", actor: Actor | None = None, how: Emergency = DOWN) -> Submitted:
    change = await drafted(world, key)
    return await Emergencies(world.store, world.processes, world.submission).break_glass(
        actor or world.olu, change, how
    )


async def told(world: World, template: str) -> set[UUID | None]:
    notices = world.store._rows[world.tenant.id].notices.values()  # type: ignore[attr-defined]  # of the twin
    return {row.notice.recipient for row in notices if row.notice.template == template}


@pytest.mark.req("S19")
class TestBreakGlass:
    async def test_a_draft_goes_past_its_approval_and_starts(self, world: World) -> None:
        submitted = await broken(world)
        assert submitted.approval.standing is Standing.BYPASSED
        assert (submitted.rollout.emergency, submitted.rollout.priority) == ("INC-7", 2)
        assert (await world.admit(submitted.rollout.id)).state is State.RUNNING

    async def test_what_waits_for_approval_waits_no_longer(self, world: World) -> None:
        waiting = await world.submit()
        await world.vote("bob", waiting.approval.id)
        emergencies = Emergencies(world.store, world.processes, world.submission)
        after = await emergencies.break_glass(world.olu, waiting.change.id, DOWN)
        assert (after.approval.standing, after.rollout.emergency) == (Standing.BYPASSED, "INC-7")
        assert world.processes.ended == [waiting.change.id]
        assert (await world.admit(waiting.rollout.id)).state is State.RUNNING

    async def test_every_approver_is_told_at_once_and_nobody_is_asked(self, world: World) -> None:
        await broken(world)
        wanted = {world.people[handle].id for handle in ("abe", "bob", "cyd", "dee")}
        assert await told(world, "breakglass_used") == {*wanted, None}
        assert await told(world, "approval_requested") == set()

    async def test_a_review_is_owed_within_a_day(self, world: World) -> None:
        submitted = await broken(world)
        (review,) = await Reviewing(world.store).all(world.eve, owed=True)
        assert (review.change, review.incident, review.opened_by) == (submitted.change.id, "INC-7", world.olu.id)
        assert review.due_at - review.opened_at == 24 * HOUR
        (used,) = await world.events("change:approval:bypassed")
        assert used.event["after"] == {"incident": "INC-7", "standing": "BYPASSED", "levels": 2}
        assert used.event["reason"] == DOWN.reason

    @pytest.mark.parametrize(
        ("how", "path"),
        [(replace(DOWN, incident=" "), "/incident"), (replace(DOWN, incident="I" * 101), "/incident"),
         (replace(DOWN, reason="it is urgent"), "/reason")],
    )  # fmt: skip
    async def test_says_for_which_incident_and_why(self, world: World, how: Emergency, path: str) -> None:
        with pytest.raises(Invalid) as refused:
            await broken(world, how=how)
        assert [fault.path for fault in refused.value.faults] == [path]
        assert await Reviewing(world.store).all(world.eve) == []

    async def test_needs_the_permission_and_a_person(self, world: World) -> None:
        for handle in ("ada", "bob", "root"):
            with pytest.raises(PermissionMissing):
                await broken(world, actor=world.people[handle])
        with pytest.raises(EmergencyByService):
            await broken(world, actor=replace(world.olu, kind=PrincipalKind.SERVICE))

    async def test_sent_again_it_is_done_once(self, world: World) -> None:
        asked = replace(world.olu, request=uuid4())
        emergencies = Emergencies(world.store, world.processes, world.submission)
        change = await drafted(world, "checkout")
        first = await emergencies.break_glass(asked, change, DOWN)
        again = await emergencies.break_glass(asked, change, DOWN)
        assert first.rollout.id == again.rollout.id
        assert len(await Reviewing(world.store).all(world.eve)) == 1

    async def test_nothing_that_runs_or_is_not_there_is_gone_past(self, world: World) -> None:
        emergencies = Emergencies(world.store, world.processes, world.submission)
        with pytest.raises(NothingToBypass):
            await emergencies.break_glass(world.olu, await world.running(), DOWN)
        with pytest.raises(Missing):
            await emergencies.break_glass(world.olu, uuid4(), DOWN)

    async def test_three_a_day_and_a_tenant(self, world: World) -> None:
        for key in ("a", "b", "c"):
            await broken(world, key)
            world.clock += HOUR
        with pytest.raises(TooManyEmergencies) as refused:
            await broken(world, "d")
        assert refused.value.facts["retry_after"] == 21 * 3600
        await _close_all(world)
        world.clock += 21 * HOUR
        assert (await broken(world, "d")).approval.standing is Standing.BYPASSED

    async def test_a_process_that_did_not_hear_is_told_later(self, world: World) -> None:
        waiting = await world.submit()
        world.processes.down = True
        await Emergencies(world.store, world.processes, world.submission).break_glass(
            world.olu, waiting.change.id, DOWN
        )
        world.processes.down = False
        await Overdue(world.store, world.processes).sweep()  # type: ignore[arg-type]  # the twin answers it
        assert world.processes.ended == [waiting.change.id]


@pytest.mark.req("S20")
class TestValidation:
    async def test_content_that_is_not_valid_now_is_refused_as_ever(self, world: World) -> None:
        await world.put(key="checkout")
        with pytest.raises(Invalid):
            await world.propose(content={**ON, "defaultVariant": "nowhere"})

    async def test_what_was_valid_when_it_was_drafted_is_looked_at_again(self, world: World) -> None:
        await world.put({"vips": {"==": [{"var": "tier"}, "vip"]}}, key="$evaluators")
        await world.put()
        targeting = {"if": [{"$ref": "vips"}, "on", "off"]}
        change = await world.propose(content={**ON, "targeting": targeting}, plan={"strategy": "direct"})
        await world.put({}, key="$evaluators")
        with pytest.raises(Invalid):
            await Emergencies(world.store, world.processes, world.submission).break_glass(world.olu, change.id, DOWN)
        assert await Reviewing(world.store).all(world.eve) == []


@pytest.mark.req("S19")
class TestReview:
    async def test_another_person_closes_it_with_what_was_found(self, world: World) -> None:
        await broken(world)
        reviewing = Reviewing(world.store)
        (review,) = await reviewing.all(world.bob)
        closed = await reviewing.close(world.bob, review.id, "it was needed, and it was right")
        assert (closed.closed_by, closed.finding) == (world.bob.id, "it was needed, and it was right")
        assert await reviewing.all(world.bob, owed=True) == []
        with pytest.raises(ReviewClosed):
            await reviewing.close(world.cyd, review.id, "I saw it, too, and say so")

    async def test_nobody_reviews_their_own(self, world: World) -> None:
        change = await drafted(world, "checkout")
        both = replace(world.olu, roles=world.olu.roles | world.bob.roles)
        emergencies = Emergencies(world.store, world.processes, world.submission)
        await emergencies.break_glass(both, change, DOWN)
        reviewing = Reviewing(world.store)
        (review,) = await reviewing.all(both)
        for own in (both, replace(world.ada, roles=world.bob.roles)):
            with pytest.raises(SelfReview):
                await reviewing.close(own, review.id, "all was as it should be")
        with pytest.raises(PermissionMissing):
            await reviewing.close(world.eve, review.id, "all was as it should be")
        with pytest.raises(Invalid):
            await reviewing.close(world.bob, review.id, "fine")

    async def test_who_is_late_is_told_on_once_and_breaks_no_other_glass(self, world: World) -> None:
        await broken(world)
        overdue = Overdue(world.store, world.processes)  # type: ignore[arg-type]  # the twin answers it
        assert await overdue.sweep() == 0
        world.clock += 25 * HOUR
        assert [await overdue.sweep(), await overdue.sweep()] == [1, 0]
        people = {world.people[handle].id for handle in ("olu", "abe", "bob", "cyd", "dee", "root")}
        assert await told(world, "review_overdue") == {*people, None}
        with pytest.raises(ReviewOverdue):
            await broken(world, "other")
        await _close_all(world)
        assert (await broken(world, "other")).approval.standing is Standing.BYPASSED


async def _close_all(world: World) -> None:
    reviewing = Reviewing(world.store)
    for each in await reviewing.all(world.bob, owed=True):
        await reviewing.close(world.bob, each.id, "it was needed, and it was right")
