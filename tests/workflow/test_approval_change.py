"""A yes is to one content, by people who may still say it: whatever moves meanwhile is asked for again."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from application.approvals import VoteWish
from domain.approvals import AlreadyVoted, Answer, ApprovalClosed, Level, NotAnApprover, Standing
from domain.audit import Action
from domain.changes import BaseVersionConflict, ChangeStatus, TargetBusy
from domain.people import Role
from domain.rollouts import State
from tests.workflow.theatre import DIRECT, EXPRESS, Theatre, now, plan, seen


async def rebased(stage: Theatre, change: UUID) -> UUID:
    return (await stage.changes.rebase(stage.house.ada, change, uuid4())).id


class TestNewerVersion:
    @pytest.mark.req("S12")
    async def test_edit_ends_the_older_version_and_its_votes(self, stage: Theatre) -> None:
        older = await stage.submit()
        await stage.approve(older, stage.house.bob)
        edited = await stage.submit(plan=DIRECT, supersedes=older, reason="all at once after all")
        assert await stage.end(older) is State.SUPERSEDED
        assert await stage.standing(older) is Standing.INVALIDATED
        assert (await stage.changes.get(stage.house.ada, older)).status is ChangeStatus.SUPERSEDED
        assert await stage.percents(older) == [0]
        assert await stage.ballots(edited) == []
        with pytest.raises(ApprovalClosed):
            await stage.approve(older, stage.house.cyd)
        await stage.approve(edited, stage.house.bob, stage.house.cyd)
        assert await stage.end(edited) is State.SUCCEEDED

    @pytest.mark.req("S12")
    async def test_each_voter_is_told_that_the_vote_no_longer_counts(self, stage: Theatre) -> None:
        await stage.policy(Level(quorum=2), Level())
        older = await stage.submit()
        await stage.approve(older, stage.house.bob, stage.house.cyd)
        await stage.submit(plan=DIRECT, supersedes=older)
        told = {who for who, _ in await stage.told("votes_invalidated")}
        assert told == {stage.house.ada.id, stage.house.bob.id, stage.house.cyd.id, None}
        assert len(await stage.audited(Action.APPROVAL_CLOSED, older)) == 1
        assert len(await stage.audited(Action.CHANGE_SUPERSEDED, older)) == 1

    async def test_somebody_else_cannot_end_it_that_way(self, stage: Theatre) -> None:
        await stage.grant("bob", Role.CONFIG_MANAGER)
        older = await stage.submit()
        newer = await stage.draft(plan=DIRECT, supersedes=older)
        await stage.submission.submit(stage.house.shop, newer)
        assert await stage.standing(older) is Standing.PENDING

    @pytest.mark.req("S81")
    async def test_one_that_does_not_wait_is_refused_with_the_holder(self, stage: Theatre) -> None:
        other = await stage.draft(plan={**plan(), "on_conflict": "reject"})
        holder = await stage.launch()
        with pytest.raises(TargetBusy) as refused:
            await stage.send(other)
        assert refused.value.facts["holder"] == str(holder)

    async def test_what_is_exposed_is_not_ended_that_way(self, stage: Theatre) -> None:
        older = await stage.launch()
        async with stage.store.transaction(stage.house.id) as tx:
            flag = await tx.flags.get((await stage.rollout(older)).environment, "checkout")
        assert flag is not None
        newer = await stage.draft(plan=DIRECT, base_version=flag.version, supersedes=older)
        await stage.send(newer)
        assert (await stage.rollout(older)).state is State.RUNNING


class TestMovedBase:
    @pytest.mark.req("S13")
    async def test_change_of_a_target_that_moved_is_invalidated_and_applies_nothing(self, stage: Theatre) -> None:
        change = await stage.submit()
        await stage.approve(change, stage.house.bob)
        await stage.overwrite(variants={"classic": "c", "express": "x"})
        await stage.approve(change, stage.house.cyd)
        assert await stage.end(change) is State.INVALIDATED
        assert (await stage.rollout(change)).cause == "base_version_moved"
        assert await stage.standing(change) is Standing.INVALIDATED
        assert (await stage.served())["defaultVariant"] == "classic"
        assert {who for who, _ in await stage.told("votes_invalidated")} >= {stage.house.bob.id, stage.house.cyd.id}
        diff = await stage.changes.diff(stage.house.ada, change)
        assert (diff["moved"], diff["base_version"], diff["present_version"]) == (True, 1, 2)

    @pytest.mark.req("S13")
    async def test_rebase_names_what_both_sides_changed(self, stage: Theatre) -> None:
        content = {**EXPRESS, "variants": {"classic": "c", "express": "mine"}}
        change = await stage.submit(content=content)
        await stage.overwrite(variants={"classic": "c", "express": "theirs"})
        await stage.approve(change, stage.house.bob, stage.house.cyd)
        assert await stage.end(change) is State.INVALIDATED
        with pytest.raises(BaseVersionConflict) as refused:
            await rebased(stage, change)
        paths = refused.value.facts["paths"]
        assert isinstance(paths, list)
        assert any("express" in path for path in paths)

    @pytest.mark.req("S14")
    async def test_rebase_to_the_same_content_keeps_the_votes(self, stage: Theatre) -> None:
        """Somebody else wrote a part of it meanwhile: what was there has moved, and the whole is the same."""
        change = await stage.submit(content={**EXPRESS, "metadata": {"owner": "shop"}})
        await stage.approve(change, stage.house.bob)
        await stage.overwrite(metadata={"owner": "shop"})
        await stage.approve(change, stage.house.cyd)
        assert await stage.end(change) is State.INVALIDATED
        again = await stage.send(await rebased(stage, change))
        assert await stage.ballots(again) == [stage.house.bob.id, stage.house.cyd.id]
        await stage.until(again, State.RUNNING)
        await stage.skip(again, hours=1)
        assert await stage.end(again) is State.SUCCEEDED

    @pytest.mark.req("S14")
    async def test_rebase_to_other_content_drops_the_votes(self, stage: Theatre) -> None:
        change = await stage.submit()
        await stage.approve(change, stage.house.bob)
        await stage.overwrite(variants={"classic": "c", "express": "e", "third": "t"})
        await stage.approve(change, stage.house.cyd)
        assert await stage.end(change) is State.INVALIDATED
        again = await stage.send(await rebased(stage, change))
        assert await stage.ballots(again) == []
        assert await stage.standing(again) is Standing.PENDING

    @pytest.mark.req("S14")
    async def test_rebase_while_it_waits_takes_the_place_of_the_old_request(self, stage: Theatre) -> None:
        change = await stage.submit()
        await stage.approve(change, stage.house.bob)
        await stage.overwrite()
        again = await stage.send(await rebased(stage, change))
        assert await stage.end(change) is State.SUPERSEDED
        assert await stage.ballots(again) == [stage.house.bob.id]


class TestPeopleOfNow:
    @pytest.mark.req("S15")
    async def test_vote_of_who_lost_the_role_is_dropped_and_somebody_else_completes_it(self, stage: Theatre) -> None:
        change = await stage.submit(plan=plan(100, soak=0))
        await stage.approve(change, stage.house.bob)
        await stage.grant("bob", Role.VIEWER)
        await stage.approve(change, stage.house.cyd)
        await stage.until(change, State.AWAITING_APPROVAL)

        async def reopened() -> bool:
            return await stage.standing(change) is Standing.PENDING

        await seen(reopened)
        (dropped,) = await stage.audited(Action.VOTE_DROPPED, change)
        assert dropped["after"] == {"why": "approver_no_longer_eligible"}
        assert dropped["before"] == {"voter": str(stage.house.bob.id)}
        assert await stage.ballots(change) == [stage.house.cyd.id]
        assert await stage.percents(change) == [0]
        await stage.approve(change, stage.house.dee)
        assert await stage.end(change) is State.SUCCEEDED

    @pytest.mark.req("S18")
    async def test_delegate_votes_for_the_giver_and_has_no_second_vote(self, stage: Theatre) -> None:
        house = stage.house
        await stage.delegations.delegate(
            house.bob, "cyd", now() - timedelta(hours=1), now() + timedelta(days=7), "on leave"
        )
        change = await stage.submit(plan=DIRECT)
        await stage.approvals.vote(house.cyd, change, VoteWish(Answer.APPROVE, behalf=house.bob.id))
        (cast,) = await stage.audited(Action.VOTE_CAST, change)
        assert (cast["actor"], cast["after"]["on_behalf_of"]) == (str(house.cyd.id), str(house.bob.id))
        for person in (house.cyd, house.bob):
            with pytest.raises(AlreadyVoted):
                await stage.approve(change, person)
        await stage.approve(change, house.dee)
        assert await stage.end(change) is State.SUCCEEDED

    @pytest.mark.req("S18")
    async def test_delegation_that_has_ended_gives_nothing(self, stage: Theatre) -> None:
        house = stage.house
        await stage.delegations.delegate(
            house.bob, "cyd", now() - timedelta(days=2), now() - timedelta(days=1), "was on leave"
        )
        change = await stage.submit()
        with pytest.raises(NotAnApprover):
            await stage.approvals.vote(house.cyd, change, VoteWish(Answer.APPROVE, behalf=house.bob.id))
        assert await stage.ballots(change) == []
