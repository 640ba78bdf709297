"""A yes holds for its time and no longer: what would begin after that does not begin."""

import asyncio
from datetime import timedelta

import pytest

from application.locking.ruling import Windows
from domain.approvals import Level, Standing
from domain.rollouts import State
from tests.workflow.theatre import CLASSIC, Theatre, now, plan

LATER = timedelta(hours=80)


@pytest.mark.req("S17", "I8")
async def test_window_that_opens_after_the_approval_is_over_deploys_nothing(stage: Theatre) -> None:
    opens = now() + LATER
    day = opens.strftime("%a").lower()
    hours = {"time_zone": "UTC", "hours": {day: [[opens.strftime("%H:00"), "24:00"]]}}
    await Windows(stage.store).put(stage.house.root, "late", hours, expected=0, reason="because of the story")
    await stage.policy(Level(), validity=timedelta(seconds=2), reminders=())
    change = await stage.submit(plan=plan(window="late"))
    await stage.approve(change, stage.house.bob)
    async with asyncio.timeout(60):
        assert await stage.end(change) is State.EXPIRED
    assert [line.to_state for line in await stage.timeline(change)][1:] == [State.SCHEDULED, State.EXPIRED]
    assert await stage.standing(change) is Standing.EXPIRED
    assert (await stage.percents(change), await stage.served()) == ([0], CLASSIC)
