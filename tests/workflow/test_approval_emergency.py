"""Approvals when time is short: others are asked after half of it, business hours count, and an emergency goes past."""

from datetime import timedelta
from uuid import UUID

import pytest

from application.bypassing import Emergency
from application.emergencies import Emergencies
from domain.approvals import Calendar, Fallback, Level, NotAnApprover, Standing, TimeoutScope
from domain.audit import Action
from domain.locks import WhileRunning
from domain.rollouts import State
from tests.workflow.theatre import DIRECT, Theatre, now, plan
from tests.workflow.waits import called, frozen

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


@pytest.mark.req("S19")
class TestWhatWaits:
    """A soak of an hour a stage that nobody waits for: time is never skipped here, but for what is not to happen."""

    PLAN = plan(10, 100, soak=3600, most=7200)

    @pytest.mark.req("S88")
    async def test_for_the_end_of_a_freeze_starts_at_once_and_soaks_nowhere(self, stage: Theatre) -> None:
        await stage.policy()
        await frozen(stage, WhileRunning.CONTINUE)
        change = await stage.submit(plan=self.PLAN)
        await stage.until(change, State.BLOCKED)
        await break_glass(stage, change)
        assert await stage.end(change) is State.SUCCEEDED
        assert await stage.percents(change) == [0, 10, 100]
        assert await stage.standing(change) is Standing.BYPASSED

    @pytest.mark.req("S87")
    async def test_for_its_turn_takes_it(self, stage: Theatre) -> None:
        change = await stage.draft(plan=self.PLAN)
        holder = await stage.launch()
        await stage.send(change)
        await stage.until(change, State.QUEUED)
        await break_glass(stage, change)
        await called(stage, change, State.SUCCEEDED)
        assert await stage.end(change) is State.SUCCEEDED
        assert await stage.end(holder) is State.SUPERSEDED
        assert len(await stage.audited(Action.FLAG_RESTORED, holder)) == 1

    async def test_for_its_moment_waits_no_longer(self, stage: Theatre) -> None:
        await stage.policy()
        moment = (now() + 10 * HOUR).isoformat()
        change = await stage.submit(plan={**DIRECT, "apply_at": moment})
        await stage.until(change, State.SCHEDULED)
        await break_glass(stage, change)
        assert await stage.end(change) is State.SUCCEEDED

    @pytest.mark.parametrize("word", ["turn", "urgent"])
    async def test_a_word_that_no_act_stands_behind_starts_nothing(self, stage: Theatre, word: str) -> None:
        await stage.policy()
        moment = (now() + 10 * HOUR).isoformat()
        change = await stage.submit(plan={**DIRECT, "apply_at": moment})
        await stage.until(change, State.SCHEDULED)
        await stage.handle(change).signal(word)
        await stage.skip(change, hours=9)
        assert (await stage.rollout(change)).state is State.SCHEDULED
        await stage.skip(change, hours=2)
        assert await stage.end(change) is State.SUCCEEDED


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
