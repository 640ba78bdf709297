"""A rule of a calendar that needs approval, on the real server: the same workflows as a flag's."""

from uuid import UUID

import pytest

from application.calendars.configuring import CalendarWish, Configuring
from application.calendars.governing import CalendarChanges
from application.calendars.places import Place
from application.submission import Submitted
from domain.approvals import ApprovalPolicy, Level
from domain.audit import Action
from domain.changes import Kind
from domain.rollouts import State
from tests.workflow.theatre import PRODUCTION, Theatre

BOOKS, WHY = Place("books"), "because of the story"
MONTHS = CalendarWish({"kind": "gregorian"})
JULY = CalendarWish({"kind": "gregorian", "start_month": 7})


@pytest.mark.req("FP71")
class TestRules:
    async def test_hold_after_the_last_vote_and_not_over_another(self, stage: Theatre) -> None:
        root, calendars = stage.house.root, Configuring(stage.store)
        await calendars.put(root, BOOKS, MONTHS, expected=0, reason=WHY)
        async with stage.store.transaction(stage.house.id) as tx:
            await tx.policies.put(PRODUCTION, Kind.FISCAL_CALENDAR, ApprovalPolicy((Level(), Level())))
        first, second = [await asked(stage, wish) for wish in (JULY, CalendarWish({**JULY.rule, "labels": "start"}))]
        await stage.approve(first, stage.house.bob)
        assert (await calendars.get(stage.house.eve, BOOKS)).calendar.version == 1
        await stage.approve(first, stage.house.cyd)
        assert await stage.end(first) is State.SUCCEEDED
        held = (await calendars.get(stage.house.eve, BOOKS)).calendar
        assert (held.version, held.rule["start_month"]) == (2, 7)
        assert len(await stage.audited(Action.CALENDAR_CHANGED, first)) == 1
        await stage.approve(second, stage.house.bob, stage.house.cyd)
        assert await stage.end(second) is State.INVALIDATED
        assert (await calendars.get(stage.house.eve, BOOKS)).calendar.version == 2


async def asked(stage: Theatre, wish: CalendarWish) -> UUID:
    done = await CalendarChanges(stage.store, stage.submission).rule(
        stage.house.root, BOOKS, wish, expected=1, reason=WHY
    )
    assert isinstance(done, Submitted)
    stage.played.append(done.change.id)
    return done.change.id
