from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from domain.approvals import (
    ApprovalClosed,
    ApprovalPolicy,
    Level,
    LevelComplete,
    Standing,
    VoteMissing,
)
from domain.errors import Unavailable
from tests.world import World


class TestTakingBack:
    @pytest.mark.req("S22")
    async def test_is_possible_while_the_level_is_open(self, world: World) -> None:
        await world.policy(ApprovalPolicy((Level(quorum=2),)))
        submitted = await world.submit()
        await world.vote("bob", submitted.approval.id)
        view = await world.approvals.withdraw_vote(world.bob, submitted.approval.id, "read it again")
        assert view.approval.ballots == ()
        (event,) = await world.events("approval:vote:withdrawn")
        assert event.event["reason"] == "read it again"
        await world.vote("bob", submitted.approval.id)
        assert len((await world.state(submitted.approval.id)).ballots) == 1

    @pytest.mark.req("S22")
    async def test_is_not_once_it_is_complete(self, world: World) -> None:
        submitted = await world.submit()
        await world.vote("bob", submitted.approval.id)
        with pytest.raises(LevelComplete):
            await world.approvals.withdraw_vote(world.bob, submitted.approval.id, "no")
        with pytest.raises(VoteMissing):
            await world.approvals.withdraw_vote(world.dee, submitted.approval.id, "no")

    async def test_is_done_once_however_often_it_is_sent(self, world: World) -> None:
        await world.policy(ApprovalPolicy((Level(quorum=2),)))
        submitted, asking = await world.submit(), replace(world.bob, request=uuid4())
        await world.vote("bob", submitted.approval.id)
        await world.approvals.withdraw_vote(asking, submitted.approval.id, "read it again")
        await world.vote("bob", submitted.approval.id)
        view = await world.approvals.withdraw_vote(asking, submitted.approval.id, "read it again")
        assert len(view.approval.ballots) == 1
        assert len(await world.events("approval:vote:withdrawn")) == 1

    async def test_is_refused_in_the_trail(self, world: World) -> None:
        submitted = await world.submit()
        with pytest.raises(VoteMissing):
            await world.approvals.withdraw_vote(world.bob, submitted.approval.id, "no")
        (event,) = await world.events("approval:vote:refused")
        assert (event.event["outcome"], event.event["after"]["refusal"]) == ("denied", "vote-missing")

    @pytest.mark.req("S9")
    async def test_is_not_after_the_end(self, world: World) -> None:
        await world.policy(ApprovalPolicy((Level(quorum=2),)))
        submitted = await world.submit()
        await world.vote("bob", submitted.approval.id)
        await world.balloting.expire(world.tenant.id, submitted.approval.id, world.clock())
        with pytest.raises(ApprovalClosed):
            await world.approvals.withdraw_vote(world.bob, submitted.approval.id, "no")


class TestTime:
    @pytest.mark.req("S9", "S11")
    async def test_expires_once(self, world: World) -> None:
        submitted = await world.submit()
        world.clock += timedelta(hours=72)
        for _ in range(2):
            counted = await world.balloting.expire(world.tenant.id, submitted.approval.id, world.clock())
            assert counted.standing is Standing.EXPIRED
        (event,) = await world.events("approval:request:closed")
        assert event.event["after"] == {"standing": "EXPIRED"}
        assert await world.told("approval_expired") == {"ada", None}
        with pytest.raises(ApprovalClosed):
            await world.vote("bob", submitted.approval.id)

    async def test_a_vote_that_was_counted_first_wins(self, world: World) -> None:
        submitted = await world.approved()
        counted = await world.balloting.expire(world.tenant.id, submitted.approval.id, world.clock())
        assert counted.standing is Standing.APPROVED

    @pytest.mark.req("S10")
    async def test_reminds_the_open_level_once_for_each_occasion(self, world: World) -> None:
        submitted = await world.submit()
        for occasion in ("24h", "24h", "48h"):
            await world.balloting.remind(world.tenant.id, submitted.approval.id, occasion)
        reminders = [each for each in await world.notices() if each.template == "approval_reminder"]
        assert len(reminders) == 2 * 5

    @pytest.mark.req("S10")
    async def test_and_nobody_after_the_end(self, world: World) -> None:
        submitted = await world.approved()
        await world.balloting.remind(world.tenant.id, submitted.approval.id, "24h")
        assert await world.told("approval_reminder") == set()

    async def test_a_request_without_levels_is_approved_at_once(self, world: World) -> None:
        await world.policy(ApprovalPolicy())
        submitted = await world.submit()
        assert (await world.state(submitted.approval.id)).standing is Standing.APPROVED


class TestWithoutItsProcess:
    async def test_a_vote_is_not_told_that_all_is_over_and_may_come_again(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await world.policy(ApprovalPolicy((Level(),)))
        submitted = await world.submit()

        async def ended(*_: object) -> None:
            raise ApprovalClosed

        with monkeypatch.context() as lost:
            lost.setattr(world.processes, "vote", ended)
            with pytest.raises(Unavailable):
                await world.vote("bob", submitted.approval.id)
        await world.vote("bob", submitted.approval.id)
        with pytest.raises(ApprovalClosed):
            await world.vote("cyd", submitted.approval.id)
