import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from application.approvals import VoteWish
from application.balloting import Cast
from domain.approvals import (
    AlreadyVoted,
    Answer,
    ApprovalClosed,
    ApprovalPolicy,
    DigestMismatch,
    Level,
    NotAnApprover,
    ReasonTooShort,
    SelfApproval,
    ServiceVoted,
    Standing,
    WrongLevel,
)
from domain.errors import Invalid, Missing, Refusal
from domain.people import Role
from domain.people.acts import AssertionExpired, AssertionForged
from domain.rollouts import State
from tests.world import World


class TestVoting:
    @pytest.mark.req("S1")
    async def test_two_levels_in_order_approve(self, world: World) -> None:
        submitted = await world.submit()
        await world.vote("bob", submitted.approval.id)
        assert (await world.state(submitted.approval.id)).level == 1
        await world.vote("cyd", submitted.approval.id)
        assert (await world.state(submitted.approval.id)).standing is Standing.APPROVED
        assert len(await world.events("approval:level:completed")) == 2
        assert await world.told("approval_decided") == {"ada", None}

    @pytest.mark.req("S2", "S3", "S4", "S5")
    @pytest.mark.parametrize(
        ("handle", "refusal"),
        [("ada", SelfApproval), ("abe", SelfApproval), ("eve", NotAnApprover), ("root", NotAnApprover),
         ("shop", ServiceVoted), ("dee", WrongLevel), ("bob", AlreadyVoted)],
    )  # fmt: skip
    async def test_is_refused_and_the_refusal_is_recorded(
        self, world: World, handle: str, refusal: type[Refusal]
    ) -> None:
        await world.policy(ApprovalPolicy((Level((), (world.bob.id,)), Level((), (world.cyd.id,)), Level())))
        submitted = await world.submit(contributors=(world.abe.id,))
        await world.vote("bob", submitted.approval.id)
        with pytest.raises(refusal):
            await world.vote(handle, submitted.approval.id)
        assert len((await world.state(submitted.approval.id)).ballots) == 1
        (event,) = await world.events("approval:vote:refused")
        assert (event.event["outcome"], event.event["after"]["refusal"]) == ("denied", refusal.kind)

    @pytest.mark.req("S3")
    async def test_an_admin_who_submitted_may_not_either(self, world: World) -> None:
        await world.tenants.set_roles(world.root, "root", frozenset({Role.ADMIN, Role.APPROVER}), "both")
        world.people["root"] = (await world.tenants.people(world.root))[-2].actor
        submitted = await world.submit(actor=world.root)
        with pytest.raises(SelfApproval):
            await world.vote("root", submitted.approval.id)

    @pytest.mark.req("S6")
    async def test_a_quorum_of_two_needs_two(self, world: World) -> None:
        await world.policy(ApprovalPolicy((Level(quorum=2),)))
        submitted = await world.submit()
        await world.vote("bob", submitted.approval.id)
        assert (await world.state(submitted.approval.id)).standing is Standing.PENDING
        await world.vote("cyd", submitted.approval.id)
        assert (await world.state(submitted.approval.id)).standing is Standing.APPROVED

    @pytest.mark.req("S7")
    async def test_two_final_votes_at_once_close_once(self, world: World) -> None:
        await world.policy(ApprovalPolicy((Level(),)))
        submitted = await world.submit()
        answers = await asyncio.gather(
            *(world.vote(handle, submitted.approval.id) for handle in ("bob", "cyd")), return_exceptions=True
        )
        assert sorted(type(answer).__name__ for answer in answers) == ["ApprovalClosed", "NoneType"]
        assert len(await world.events("approval:request:closed")) == 1

    @pytest.mark.req("S8")
    async def test_a_rejection_says_why_and_ends_it(self, world: World) -> None:
        submitted = await world.submit()
        with pytest.raises(ReasonTooShort):
            await world.vote("bob", submitted.approval.id, Answer.REJECT, reason="no!")
        await world.vote("bob", submitted.approval.id, Answer.REJECT, reason="it breaks the till")
        assert (await world.state(submitted.approval.id)).standing is Standing.REJECTED
        assert await world.told("approval_decided") == {"ada", None}
        await world.progression.settle(world.step(submitted.rollout.id), State.REJECTED, "rejected")
        assert (await world.admit(submitted.rollout.id)).state is State.REJECTED

    @pytest.mark.req("S16")
    async def test_the_same_vote_again_is_the_same_vote(self, world: World) -> None:
        await world.policy(ApprovalPolicy((Level(quorum=2),)))
        submitted = await world.submit()
        for _ in range(2):
            await world.vote("bob", submitted.approval.id)
        assert len(await world.events("approval:vote:cast")) == 1
        with pytest.raises(AlreadyVoted):
            await world.vote("bob", submitted.approval.id, Answer.REJECT, reason="on second thought")

    @pytest.mark.req("S16")
    async def test_an_activity_tried_again_counts_once(self, world: World) -> None:
        submitted = await world.submit()
        wish = VoteWish(Answer.APPROVE)
        assertion = await world.approvals.assertion(world.bob, submitted.approval.id, wish)
        assert assertion is not None
        cast = Cast(world.tenant.id, submitted.approval.id, Answer.APPROVE, assertion, "update")
        first, second = await world.balloting.cast(cast), await world.balloting.cast(cast)
        assert first == second
        assert len(await world.events("approval:vote:cast")) == 1

    @pytest.mark.req("S12")
    async def test_is_for_the_content_that_was_seen(self, world: World) -> None:
        submitted = await world.submit()
        with pytest.raises(DigestMismatch):
            await world.vote("bob", submitted.approval.id, digest="sha256:other")

    async def test_after_the_end_is_refused(self, world: World) -> None:
        submitted = await world.approved()
        with pytest.raises(ApprovalClosed):
            await world.vote("dee", submitted.approval.id)

    async def test_of_nothing_is_missing(self, world: World) -> None:
        with pytest.raises(Missing):
            await world.vote("dee", uuid4())

    async def test_what_waits_is_shown_to_whom_it_waits_for(self, world: World) -> None:
        submitted = await world.submit()
        assert [view.approval.id for view in await world.approvals.pending(world.bob)] == [submitted.approval.id]
        await world.vote("bob", submitted.approval.id)
        for handle, expected in (("bob", 0), ("ada", 0), ("eve", 0), ("cyd", 1)):
            assert len(await world.approvals.pending(world.people[handle])) == expected, handle
        view = await world.approvals.get(world.eve, submitted.approval.id)
        assert set(view.handles.values()) == {"ada", "bob"}


class TestProof:
    async def test_a_forged_assertion_counts_nothing(self, world: World) -> None:
        submitted = await world.submit()
        cast = Cast(world.tenant.id, submitted.approval.id, Answer.APPROVE, "act.forged", "signal")
        with pytest.raises(AssertionForged):
            await world.balloting.cast(cast)
        (event,) = await world.events("approval:vote:refused")
        assert event.event["after"] == {"refusal": "assertion-forged", "via": "signal"}

    async def test_an_assertion_is_for_one_answer_and_one_request(self, world: World) -> None:
        first = await world.submit()
        second = await world.submit(key="other")
        assertion = await world.approvals.assertion(world.bob, first.approval.id, VoteWish(Answer.APPROVE))
        assert assertion is not None
        for approval, answer in ((first, Answer.REJECT), (second, Answer.APPROVE)):
            with pytest.raises(AssertionForged):
                await world.balloting.cast(Cast(world.tenant.id, approval.approval.id, answer, assertion, "signal"))

    async def test_an_assertion_grows_old(self, world: World) -> None:
        submitted = await world.submit()
        assertion = await world.approvals.assertion(world.bob, submitted.approval.id, VoteWish(Answer.APPROVE))
        assert assertion is not None
        world.clock += timedelta(minutes=6)
        with pytest.raises(AssertionExpired):
            await world.balloting.cast(
                Cast(world.tenant.id, submitted.approval.id, Answer.APPROVE, assertion, "signal")
            )

    async def test_roles_are_asked_again_where_it_counts(self, world: World) -> None:
        submitted = await world.submit()
        assertion = await world.approvals.assertion(world.bob, submitted.approval.id, VoteWish(Answer.APPROVE))
        assert assertion is not None
        await world.tenants.set_roles(world.root, "bob", frozenset({Role.VIEWER}), "moved")
        with pytest.raises(NotAnApprover):
            await world.balloting.cast(
                Cast(world.tenant.id, submitted.approval.id, Answer.APPROVE, assertion, "update")
            )


class TestDelegation:
    async def lend(self, world: World, giver: str, taker: str, hours: float = 24) -> None:
        now = world.clock()
        await world.delegations.delegate(world.people[giver], taker, now, now + timedelta(hours=hours), "away")

    @pytest.mark.req("S18")
    async def test_a_lent_vote_is_recorded_and_spends_both(self, world: World) -> None:
        await self.lend(world, "bob", "eve")
        await world.policy(ApprovalPolicy((Level(quorum=3),)))
        submitted = await world.submit()
        await world.vote("eve", submitted.approval.id, behalf=world.bob.id)
        await world.vote("eve", submitted.approval.id, behalf=world.bob.id)
        (event,) = await world.events("approval:vote:cast")
        assert (event.event["actor"], event.event["after"]["on_behalf_of"]) == (str(world.eve.id), str(world.bob.id))
        for handle in ("eve", "bob"):
            with pytest.raises(AlreadyVoted):
                await world.vote(handle, submitted.approval.id, Answer.APPROVE)

    @pytest.mark.req("S18")
    async def test_ends_when_it_ends(self, world: World) -> None:
        await self.lend(world, "bob", "eve", hours=1)
        submitted = await world.submit()
        world.clock += timedelta(hours=1)
        with pytest.raises(NotAnApprover):
            await world.vote("eve", submitted.approval.id, behalf=world.bob.id)

    async def test_of_what_was_never_lent_is_refused(self, world: World) -> None:
        submitted = await world.submit()
        with pytest.raises(NotAnApprover):
            await world.vote("cyd", submitted.approval.id, behalf=world.bob.id)

    async def test_by_an_author_is_refused(self, world: World) -> None:
        await self.lend(world, "abe", "bob")
        submitted = await world.submit(contributors=(world.abe.id,))
        with pytest.raises(SelfApproval):
            await world.vote("bob", submitted.approval.id, behalf=world.abe.id)

    async def test_needs_two_people_an_end_and_a_vote_to_lend(self, world: World) -> None:
        for giver, taker, hours, refusal in (
            ("bob", "bob", 1, Invalid), ("bob", "eve", 0, Invalid), ("bob", "nobody", 1, Missing),
        ):  # fmt: skip
            with pytest.raises(refusal):
                await self.lend(world, giver, taker, hours)
