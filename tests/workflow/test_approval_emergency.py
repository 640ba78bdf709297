"""Approvals when time is short: others are asked after half of it, business hours count, and an emergency goes past."""

from datetime import timedelta
from uuid import UUID

import pytest

from application.bypassing import Emergency
from application.emergencies import Emergencies
from domain.approvals import Calendar, Fallback, Level, NotAnApprover, Standing, TimeoutScope
from domain.audit import Action
from domain.rollouts import State
from tests.workflow.theatre import DIRECT, Theatre

HOUR = timedelta(hours=1)
DOWN = Emergency("INC-7", "the shop is down and nobody answers")


async def break_glass(stage: Theatre, change: UUID) -> None:
    emergencies = Emergencies(stage.store, stage.processes, stage.submission)
    await emergencies.break_glass(stage.house.olu, change, DOWN)


class TestBreakGlass:
    @pytest.mark.req("S19")
    async def test_a_draft_is_served_without_a_vote_and_without_a_soak(self, stage: Theatre) -> None:
        change = await stage.draft()
        await break_glass(stage, change)
        stage.played.append(change)
        assert await stage.standing(change) is Standing.BYPASSED
        await stage.skip(change, minutes=5)
        assert await stage.end(change) is State.SUCCEEDED
        assert (await stage.percents(change))[-1] == 100
        (used,) = await stage.audited(Action.EMERGENCY_USED, change)
        assert used["after"]["incident"] == "INC-7"

    @pytest.mark.req("S19")
    async def test_what_waits_for_a_vote_goes_on_at_once(self, stage: Theatre) -> None:
        change = await stage.submit(plan=DIRECT)
        await stage.until(change, State.AWAITING_APPROVAL)
        await break_glass(stage, change)
        assert await stage.end(change) is State.SUCCEEDED
        assert not await stage.open(change, "approval")
        assert await stage.ballots(change) == []


class TestEscalation:
    async def test_after_half_of_the_time_the_fallback_is_asked_and_may_vote(self, stage: Theatre) -> None:
        bob, cyd = stage.house.bob, stage.house.cyd
        level = Level((), (bob.id,), escalates_to=Fallback((), (cyd.id,)))
        await stage.policy(level, reminders=())
        change = await stage.submit(plan=DIRECT)
        await stage.skip_approval(change, hours=35)
        with pytest.raises(NotAnApprover):
            await stage.approve(change, cyd)
        await stage.skip_approval(change, hours=2)
        asked = {who for who, facts in await stage.told("approval_requested") if facts.get("occasion") == "escalated"}
        assert asked == {cyd.id}
        await stage.approve(change, cyd)
        assert await stage.end(change) is State.SUCCEEDED
        (vote,) = (await stage.approvals.get(bob, change)).votes
        assert vote.ballot.escalated

    async def test_happens_once_and_the_deadline_stays(self, stage: Theatre) -> None:
        level = Level((), (stage.house.bob.id,), escalates_to=Fallback((), (stage.house.cyd.id,)))
        await stage.policy(level, deadline=24 * HOUR, scope=TimeoutScope.LEVEL, reminders=(18 * HOUR,))
        change = await stage.submit(plan=DIRECT)
        await stage.skip_approval(change, hours=25)
        assert await stage.end(change) is State.EXPIRED
        assert len(await stage.audited(Action.APPROVAL_ESCALATED, change)) == 1
        reminded = {who for who, _ in await stage.told("approval_reminder")}
        assert reminded == {stage.house.bob.id, stage.house.cyd.id, None}


class TestCalendar:
    async def test_nights_do_not_count(self, stage: Theatre) -> None:
        """Half of every day is shut: twenty hours of it last longer than a day, and less than two."""
        week = (((0, 720),),) * 7
        await stage.policy(Level(), deadline=20 * HOUR, calendar=Calendar("UTC", week), reminders=())
        change = await stage.submit(plan=DIRECT)
        await stage.skip_approval(change, hours=21)
        assert await stage.standing(change) is Standing.PENDING
        await stage.skip_approval(change, hours=24)
        assert await stage.end(change) is State.EXPIRED
