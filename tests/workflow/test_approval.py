"""Approvals on the real server: who may vote, in which order, and how many."""

import asyncio
from uuid import uuid4

import pytest

from application.approvals import VoteWish
from domain.approvals import (
    AlreadyVoted,
    Answer,
    ApprovalClosed,
    DigestMismatch,
    Level,
    LevelComplete,
    NotAnApprover,
    ReasonTooShort,
    SelfApproval,
    ServiceVoted,
    Standing,
    VoteMissing,
    WrongLevel,
)
from domain.audit import Action
from domain.errors import Missing
from domain.people import Role
from domain.rollouts import State, Verb
from tests.workflow.theatre import DIRECT, Theatre

REJECT = VoteWish(Answer.REJECT, "it breaks the till")
APPROVE = VoteWish(Answer.APPROVE)


class TestLevels:
    @pytest.mark.req("S1", "S24")
    async def test_two_levels_approved_in_order_start_the_rollout_without_another_call(self, stage: Theatre) -> None:
        change = await stage.submit()
        await stage.approve(change, stage.house.bob, stage.house.cyd)
        assert await stage.standing(change) is Standing.APPROVED
        await stage.skip(change, hours=1)
        assert await stage.end(change) is State.SUCCEEDED
        assert await stage.percents(change) == [0, 10, 100]

    @pytest.mark.req("S2")
    async def test_voter_of_the_second_level_waits_for_the_first(self, stage: Theatre) -> None:
        await stage.policy(Level(people=(stage.house.bob.id,), roles=()), Level(people=(stage.house.cyd.id,), roles=()))
        change = await stage.submit(plan=DIRECT)
        with pytest.raises(WrongLevel) as refused:
            await stage.approve(change, stage.house.cyd)
        assert refused.value.facts == {"open_level": 1}
        assert await stage.ballots(change) == []
        await stage.approve(change, stage.house.bob, stage.house.cyd)
        assert await stage.end(change) is State.SUCCEEDED

    @pytest.mark.req("S5")
    async def test_who_may_vote_on_both_levels_votes_on_one(self, stage: Theatre) -> None:
        change = await stage.submit(plan=DIRECT)
        await stage.approve(change, stage.house.bob)
        with pytest.raises(AlreadyVoted):
            await stage.approve(change, stage.house.bob)
        assert await stage.standing(change) is Standing.PENDING
        assert await stage.ballots(change) == [stage.house.bob.id]

    @pytest.mark.req("S6")
    async def test_quorum_of_two_needs_two_people(self, stage: Theatre) -> None:
        await stage.policy(Level(quorum=2))
        change = await stage.submit(plan=DIRECT)
        await stage.approve(change, stage.house.bob, stage.house.bob)
        assert await stage.standing(change) is Standing.PENDING
        await stage.approve(change, stage.house.cyd)
        assert await stage.end(change) is State.SUCCEEDED

    async def test_nobody_is_asked_where_the_policy_has_no_level(self, stage: Theatre) -> None:
        await stage.policy()
        change = await stage.submit(plan=DIRECT)
        assert await stage.end(change) is State.SUCCEEDED
        assert (await stage.served())["defaultVariant"] == "express"


class TestWhoMayNot:
    @pytest.mark.req("S3")
    async def test_requester_does_not_approve_not_even_as_an_approver_or_an_admin(self, stage: Theatre) -> None:
        await stage.grant("ada", Role.CONFIG_MANAGER, Role.APPROVER, Role.ADMIN)
        change = await stage.submit()
        async with stage.store.transaction(stage.house.id) as tx:
            ada = await tx.people.actor(stage.house.ada.id)
        assert ada is not None
        with pytest.raises(SelfApproval):
            await stage.approve(change, ada)
        assert await stage.ballots(change) == []

    @pytest.mark.req("S4")
    async def test_contributor_does_not_approve(self, stage: Theatre) -> None:
        change = await stage.submit(contributors=(stage.house.bob.id,))
        with pytest.raises(SelfApproval):
            await stage.approve(change, stage.house.bob)
        assert await stage.ballots(change) == []

    async def test_viewer_service_and_stranger_do_not_vote(self, stage: Theatre) -> None:
        await stage.grant("shop", Role.APPROVER)
        change = await stage.submit()
        async with stage.store.transaction(stage.house.id) as tx:
            shop = await tx.people.actor(stage.house.shop.id)
        assert shop is not None
        with pytest.raises(NotAnApprover):
            await stage.approve(change, stage.house.eve)
        with pytest.raises(ServiceVoted):
            await stage.approve(change, shop)
        with pytest.raises(Missing):
            await stage.approve(uuid4(), stage.house.bob)
        assert {event["after"]["refusal"] for event in await stage.audited(Action.VOTE_REFUSED, change)} == {
            "not-an-approver",
            "service-account-may-not-vote",
        }

    async def test_vote_for_other_content_is_refused(self, stage: Theatre) -> None:
        change = await stage.submit()
        with pytest.raises(DigestMismatch):
            await stage.approvals.vote(stage.house.bob, change, VoteWish(Answer.APPROVE, digest="0" * 64))


class TestOneAnswer:
    @pytest.mark.req("S7")
    async def test_two_last_votes_at_once_complete_it_once(self, stage: Theatre) -> None:
        await stage.policy(Level())
        change = await stage.submit(plan=DIRECT)
        cast = [stage.approvals.vote(who, change, APPROVE) for who in (stage.house.bob, stage.house.cyd)]
        answers = await asyncio.gather(*cast, return_exceptions=True)
        assert sum(isinstance(answer, ApprovalClosed) for answer in answers) == 1
        assert await stage.end(change) is State.SUCCEEDED
        assert len(await stage.ballots(change)) == 1
        assert len(await stage.audited(Action.APPROVAL_CLOSED, change)) == 1
        assert len(await stage.audited(Action.APPROVAL_LEVEL_COMPLETED, change)) == 1

    @pytest.mark.req("S16")
    async def test_same_vote_twice_is_one_vote(self, stage: Theatre) -> None:
        change = await stage.submit()
        wish = APPROVE
        assertions = [await stage.approvals.assertion(stage.house.bob, change, wish) for _ in range(2)]
        for assertion in assertions:
            assert assertion is not None
            await stage.processes.vote(change, Answer.APPROVE, stage.house.bob.id, assertion)
        assert await stage.ballots(change) == [stage.house.bob.id]
        assert len(await stage.audited(Action.VOTE_CAST, change)) == 1

    @pytest.mark.req("S8")
    async def test_rejection_needs_a_reason_and_then_ends_it(self, stage: Theatre) -> None:
        change = await stage.submit()
        with pytest.raises(ReasonTooShort):
            await stage.approvals.vote(stage.house.bob, change, VoteWish(Answer.REJECT, "no!"))
        await stage.approvals.vote(stage.house.bob, change, REJECT)
        assert await stage.end(change) is State.REJECTED
        assert await stage.percents(change) == [0]
        told = [who for who, facts in await stage.told("approval_decided") if facts["outcome"] == "rejected"]
        assert sorted(told, key=str) == sorted([stage.house.ada.id, None], key=str)
        with pytest.raises(ApprovalClosed):
            await stage.approve(change, stage.house.cyd)


class TestWithdrawnVote:
    @pytest.mark.req("S22")
    async def test_vote_is_taken_back_while_its_level_is_open(self, stage: Theatre) -> None:
        await stage.policy(Level(quorum=2))
        change = await stage.submit(plan=DIRECT)
        await stage.approve(change, stage.house.bob)
        await stage.approvals.withdraw_vote(stage.house.bob, change, "on second thoughts")
        assert await stage.ballots(change) == []
        await stage.approve(change, stage.house.cyd)
        assert await stage.standing(change) is Standing.PENDING
        await stage.approve(change, stage.house.bob)
        assert await stage.end(change) is State.SUCCEEDED
        with pytest.raises(ApprovalClosed):
            await stage.approvals.withdraw_vote(stage.house.bob, change, "too late")

    @pytest.mark.req("S22")
    async def test_vote_stands_once_its_level_is_complete(self, stage: Theatre) -> None:
        change = await stage.submit()
        await stage.approve(change, stage.house.bob)
        with pytest.raises(LevelComplete):
            await stage.approvals.withdraw_vote(stage.house.bob, change, "on second thoughts")
        with pytest.raises(VoteMissing):
            await stage.approvals.withdraw_vote(stage.house.cyd, change, "I never voted")


class TestWithdrawnChange:
    async def test_author_takes_the_change_back_while_it_waits(self, stage: Theatre) -> None:
        change = await stage.submit()
        await stage.approve(change, stage.house.bob)
        await stage.rollouts.withdraw(stage.house.ada, change, "not needed any more")
        assert await stage.end(change) is State.WITHDRAWN
        assert await stage.standing(change) is Standing.WITHDRAWN
        with pytest.raises(ApprovalClosed):
            await stage.approve(change, stage.house.cyd)

    async def test_operator_cancels_what_nobody_has_seen(self, stage: Theatre) -> None:
        change = await stage.submit()
        await stage.act(stage.house.olu, change, Verb.ABORT)
        assert await stage.end(change) is State.CANCELLED
        assert await stage.standing(change) is Standing.WITHDRAWN
        assert await stage.percents(change) == [0]
