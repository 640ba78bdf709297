"""Nobody waits for ever: reminders and deadlines come when the policy says, whatever happens to the worker."""

import asyncio
from datetime import datetime, timedelta

import pytest

from domain.approvals import ApprovalClosed, Level, Standing, TimeoutScope
from domain.audit import Action
from domain.rollouts import State
from tests.workflow.theatre import DIRECT, Theatre, seen

HOUR = timedelta(hours=1)


async def opened_at(stage: Theatre, change: object) -> datetime:
    found = await stage.handle(change, "approval").describe()  # type: ignore[arg-type]  # the id of a change
    return found.start_time


async def hours_of_reminders(stage: Theatre, change: object, who: object) -> list[float]:
    """When this person was reminded, in hours since the request."""
    start = await opened_at(stage, change)
    occasions = [facts["occasion"] for person, facts in await stage.told("approval_reminder") if person == who]
    return sorted(round((datetime.fromisoformat(when) - start) / HOUR, 2) for when in occasions)


class TestDeadline:
    @pytest.mark.req("S9")
    async def test_no_vote_in_72_hours_expires_it_at_72_hours(self, stage: Theatre) -> None:
        change = await stage.submit()
        await stage.skip_approval(change, hours=71, minutes=59, seconds=55)
        assert await stage.standing(change) is Standing.PENDING
        await stage.skip_approval(change, seconds=10)
        assert await stage.end(change) is State.EXPIRED
        assert await stage.standing(change) is Standing.EXPIRED
        (closed,) = await stage.audited(Action.APPROVAL_CLOSED, change)
        late = datetime.fromisoformat(closed["occurred_at"]) - await opened_at(stage, change) - 72 * HOUR
        assert abs(late) <= timedelta(seconds=1)
        with pytest.raises(ApprovalClosed):
            await stage.approve(change, stage.house.bob)

    @pytest.mark.req("S9")
    async def test_requester_is_told_once_that_it_expired(self, stage: Theatre) -> None:
        change = await stage.submit()
        await stage.skip_approval(change, hours=73)
        assert await stage.end(change) is State.EXPIRED
        assert {who for who, _ in await stage.told("approval_expired")} == {stage.house.ada.id, None}
        assert len(await stage.told("approval_expired")) == 2

    @pytest.mark.req("S21")
    async def test_each_level_has_its_own_time_where_the_policy_says_so(self, stage: Theatre) -> None:
        await stage.policy(Level(), Level(), deadline=24 * HOUR, scope=TimeoutScope.LEVEL, reminders=())
        change = await stage.submit()
        await stage.skip_approval(change, hours=20)
        await stage.approve(change, stage.house.bob)
        await stage.skip_approval(change, hours=23, minutes=59)
        assert await stage.standing(change) is Standing.PENDING
        await stage.skip_approval(change, minutes=2)
        assert await stage.end(change) is State.EXPIRED


class TestReminders:
    @pytest.mark.req("S10")
    async def test_they_go_out_at_24_48_and_66_hours(self, stage: Theatre) -> None:
        change = await stage.submit()
        await stage.skip_approval(change, hours=73)
        assert await stage.end(change) is State.EXPIRED
        for who in (stage.house.bob.id, stage.house.cyd.id, stage.house.dee.id, None):
            assert await hours_of_reminders(stage, change, who) == [24, 48, 66]
        assert await hours_of_reminders(stage, change, stage.house.ada.id) == []

    @pytest.mark.req("S10")
    async def test_none_goes_out_after_the_end(self, stage: Theatre) -> None:
        await stage.policy(Level())
        change = await stage.submit(plan=DIRECT)
        await stage.skip_approval(change, hours=25)
        await stage.approve(change, stage.house.bob)
        assert await stage.end(change) is State.SUCCEEDED
        assert not await stage.open(change, "approval")
        assert await hours_of_reminders(stage, change, stage.house.bob.id) == [24]


class TestWithoutAWorker:
    @pytest.mark.req("S11")
    async def test_deadline_that_passed_meanwhile_expires_it_once_and_at_once(self, unmanned: Theatre) -> None:
        await unmanned.policy(Level(), reminders=())
        async with unmanned.worker():
            change = await unmanned.submit()
            await unmanned.skip_approval(change, hours=40)
        waiting = asyncio.create_task(unmanned.skip_approval(change, hours=40))

        async def timer_fired() -> bool:
            history = await unmanned.handle(change, "approval").fetch_history()
            return any(event.HasField("timer_fired_event_attributes") for event in history.events)

        await seen(timer_fired)
        assert await unmanned.standing(change) is Standing.PENDING
        async with unmanned.worker():
            assert await unmanned.end(change) is State.EXPIRED
        assert await waiting is False
        assert len(await unmanned.audited(Action.APPROVAL_CLOSED, change)) == 1
        assert [line.to_state for line in await unmanned.timeline(change)] == [State.AWAITING_APPROVAL, State.EXPIRED]

    async def test_votes_wait_for_the_worker_and_are_counted_when_it_is_back(self, unmanned: Theatre) -> None:
        await unmanned.policy(Level())
        change = await unmanned.submit(plan=DIRECT)
        voting = asyncio.create_task(unmanned.approve(change, unmanned.house.bob))
        async with unmanned.worker():
            await voting
            assert await unmanned.end(change) is State.SUCCEEDED
