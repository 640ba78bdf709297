"""Groups, fallbacks, loans of a vote and comments."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from application.approvals import VoteWish
from application.groups import Groups
from application.ports.records import Delegation
from domain.approvals import (
    AlreadyVoted,
    Answer,
    ApprovalPolicy,
    Fallback,
    Level,
    Newer,
    NotAnApprover,
    Standing,
    TimeoutScope,
    Timetable,
)
from domain.errors import Invalid, Missing, Stale
from domain.people import Actor, PermissionMissing, Role
from domain.rollouts import State
from tests.world import World

HOUR = timedelta(hours=1)


async def group(world: World, name: str, *handles: str, expected: int = 0) -> None:
    await Groups(world.store).put(world.root, name, list(handles), expected=expected, reason="who is on duty")


class TestGroups:
    async def test_their_members_vote_where_a_level_names_them(self, world: World) -> None:
        await group(world, "duty", "bob")
        await world.policy(ApprovalPolicy((Level((), (), 1, ("duty",)),)))
        submitted = await world.submit()
        with pytest.raises(NotAnApprover):
            await world.vote("cyd", submitted.approval.id)
        assert [each.approval.id for each in await world.approvals.pending(await self.now(world, "bob"))] == [
            submitted.approval.id
        ]
        await self.votes(world, "bob", submitted.approval.id)
        assert (await world.state(submitted.approval.id)).standing is Standing.APPROVED

    async def now(self, world: World, handle: str) -> Actor:
        async with world.store.transaction(world.tenant.id) as tx:
            found = await tx.people.actor(world.people[handle].id)
        assert found is not None
        return found

    async def votes(self, world: World, handle: str, approval: UUID) -> None:
        await world.approvals.vote(await self.now(world, handle), approval, VoteWish(Answer.APPROVE, "fine"))

    @pytest.mark.req("S15")
    async def test_who_has_left_the_group_has_no_vote_when_the_change_starts(self, world: World) -> None:
        await group(world, "duty", "bob")
        await world.policy(ApprovalPolicy((Level((), (), 1, ("duty",)),)))
        submitted = await world.submit()
        await self.votes(world, "bob", submitted.approval.id)
        await group(world, "duty", "cyd", expected=1)
        assert (await world.admit(submitted.rollout.id)).state is State.AWAITING_APPROVAL
        assert (await world.state(submitted.approval.id)).ballots == ()

    async def test_are_set_whole_over_the_version_that_was_read(self, world: World) -> None:
        await group(world, "duty", "bob", "cyd")
        with pytest.raises(Stale):
            await group(world, "duty", "bob")
        with pytest.raises(Invalid) as refused:
            await group(world, "duty", "bob", "shop", "nobody", expected=1)
        assert [fault.path for fault in refused.value.faults] == ["/members/1", "/members/2"]
        with pytest.raises(PermissionMissing):
            await Groups(world.store).put(world.ada, "mine", ["ada"], expected=0, reason="for myself")
        with pytest.raises(Missing):
            await Groups(world.store).get(world.eve, "nowhere")
        (found,) = await Groups(world.store).all(world.eve)
        assert set(found.handles.values()) == {"bob", "cyd"}


class TestEscalation:
    async def escalated(self, world: World) -> UUID:
        level = Level((), (world.bob.id,), 1, escalates_to=Fallback((), (world.cyd.id,)))
        await world.policy(ApprovalPolicy((level, Level((Role.APPROVER,)))))
        return (await world.submit()).approval.id

    async def test_the_fallback_may_vote_once_it_is_asked_and_not_before(self, world: World) -> None:
        level = Level((), (world.bob.id,), 1, escalates_to=Fallback((), (world.cyd.id,)))
        await world.policy(ApprovalPolicy((level,)))
        only = (await world.submit()).approval.id
        with pytest.raises(NotAnApprover):
            await world.vote("cyd", only)
        await world.balloting.escalate(world.tenant.id, only, 0)
        await world.vote("cyd", only)
        counted = await world.state(only)
        assert (counted.standing, counted.ballots[0].escalated) == (Standing.APPROVED, True)
        (event,) = [each for each in await world.events("approval:vote:cast") if each.event["resource"] == str(only)]
        assert event.event["after"]["escalated"] is True

    async def test_those_who_were_asked_first_still_vote_as_themselves(self, world: World) -> None:
        approval = await self.escalated(world)
        await world.balloting.escalate(world.tenant.id, approval, 0)
        await world.vote("bob", approval)
        (ballot,) = (await world.state(approval)).ballots
        assert not ballot.escalated

    async def test_happens_once_and_only_to_the_open_level(self, world: World) -> None:
        approval = await self.escalated(world)
        for level in (1, 0, 0):
            await world.balloting.escalate(world.tenant.id, approval, level)
        assert len(await world.events("approval:level:escalated")) == 1
        assert (await world.state(approval)).escalated == (0,)

    def test_is_due_after_half_of_the_time(self, world: World) -> None:
        level = Level(escalates_to=Fallback((Role.ADMIN,)))
        policy = ApprovalPolicy((level,), deadline=10 * HOUR, scope=TimeoutScope.LEVEL, reminders=())
        start = world.clock()
        times = Timetable.of(policy, requested_at=start, level_opened_at=start + HOUR, level=0)
        assert times.next_after(start) == times.escalates == start + 6 * HOUR
        assert Timetable.of(policy, requested_at=start, level_opened_at=start).escalates is None


@pytest.mark.req("S18")
class TestLoans:
    async def lent(self, world: World, days: float = 7) -> Delegation:
        now = world.clock()
        return await world.delegations.delegate(world.bob, "abe", now, now + timedelta(days=days), "on holiday")

    async def test_a_delegate_sees_what_waits_for_the_giver(self, world: World) -> None:
        await world.policy(ApprovalPolicy((Level((), (world.bob.id,)),)))
        submitted = await world.submit()
        assert await world.approvals.pending(world.abe) == []
        await self.lent(world)
        (view,) = await world.approvals.pending(world.abe)
        assert view.lenders == (world.bob.id,)
        await world.vote("abe", submitted.approval.id, behalf=world.bob.id)
        assert await world.approvals.pending(world.abe) == []

    async def test_everybody_sees_who_may_vote_for_whom_and_until_when(self, world: World) -> None:
        await self.lent(world)
        await self.lent(world, days=30)
        world.clock += timedelta(days=8)
        found = await world.delegations.all(world.eve)
        assert [(each.giver, each.taker, each.holds) for each in found] == [("bob", "abe", True), ("bob", "abe", False)]

    @pytest.mark.parametrize("handle", ["bob", "abe", "root"])
    async def test_either_of_the_two_asks_it_back(self, world: World, handle: str) -> None:
        lent = await self.lent(world)
        actor = world.people[handle]
        done = await world.delegations.revoke(actor, lent.id, "back again")
        assert (done.holds, done.delegation.revoked_at is not None) == (False, True)
        await world.delegations.revoke(actor, lent.id, "back again")
        assert len(await world.events("delegation:vote:revoked")) == 1
        submitted = await world.submit()
        with pytest.raises(NotAnApprover):
            await world.vote("abe", submitted.approval.id, behalf=world.bob.id)

    async def test_nobody_else_does(self, world: World) -> None:
        lent = await self.lent(world)
        for handle, which in (("cyd", lent.id), ("bob", uuid4())):
            with pytest.raises(Missing):
                await world.delegations.revoke(world.people[handle], which, "not mine")

    async def test_lent_again_after_it_was_asked_back_it_holds_again(self, world: World) -> None:
        lent = await self.lent(world)
        await world.delegations.revoke(world.bob, lent.id, "back again")
        await self.lent(world)
        (found,) = await world.delegations.all(world.eve)
        assert found.holds

    async def test_lent_to_two_it_is_used_once(self, world: World) -> None:
        now = world.clock()
        for taker in ("abe", "cyd"):
            await world.delegations.delegate(world.bob, taker, now, now + HOUR, "whoever is there")
        submitted = await world.submit()
        await world.vote("abe", submitted.approval.id, behalf=world.bob.id)
        with pytest.raises(AlreadyVoted):
            await world.vote("cyd", submitted.approval.id, behalf=world.bob.id)
        with pytest.raises(AlreadyVoted):
            await world.vote("bob", submitted.approval.id)


class TestComments:
    async def test_stand_in_order_and_count_for_nothing(self, world: World) -> None:
        submitted = await world.submit()
        await world.approvals.comment(world.bob, submitted.approval.id, "why so much at once?")
        view = await world.approvals.comment(world.ada, submitted.approval.id, "it is small")
        assert [(view.handles[each.author], each.words) for each in view.comments] == [
            ("bob", "why so much at once?"),
            ("ada", "it is small"),
        ]
        assert (await world.state(submitted.approval.id)).ballots == ()
        assert len(await world.events("approval:comment:written")) == 2

    async def test_only_those_who_have_a_part_in_it_speak(self, world: World) -> None:
        submitted = await world.submit()
        for handle in ("eve", "aud", "olu"):
            with pytest.raises(PermissionMissing):
                await world.approvals.comment(world.people[handle], submitted.approval.id, "me, too")


class TestNewerChange:
    async def two(self, world: World, newer: Newer) -> tuple[UUID, UUID]:
        await world.policy(ApprovalPolicy((Level(),), newer=newer))
        first = await world.submit()
        await world.balloting.state(world.tenant.id, first.approval.id)
        second = await world.submit()
        return first.change.id, second.change.id

    async def test_of_the_same_target_leaves_the_older_one_alone(self, world: World) -> None:
        first, _ = await self.two(world, Newer.KEEP)
        assert (await world.state(first)).standing is Standing.PENDING

    async def test_takes_its_place_where_the_policy_says_so(self, world: World) -> None:
        first, second = await self.two(world, Newer.WITHDRAW_OLDER)
        assert (await world.state(first)).standing is Standing.WITHDRAWN
        assert (await world.rollout(first)).state is State.WITHDRAWN
        assert (await world.state(second)).standing is Standing.PENDING
        assert world.processes.ended == [first]

    async def test_leaves_other_targets_and_what_is_approved(self, world: World) -> None:
        await world.policy(ApprovalPolicy((Level(),), newer=Newer.WITHDRAW_OLDER))
        other = await world.submit(key="other")
        approved = await world.submit()
        await world.vote("bob", approved.approval.id)
        await world.admit(approved.rollout.id)
        await world.submission.submit(world.ada, (await world.propose()).id)
        assert (await world.state(other.approval.id)).standing is Standing.PENDING
        assert (await world.rollout(approved.rollout.id)).state is State.RUNNING
