"""A change that is approved early waits for its moment in its workflow, where everybody sees it and may stop it."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from adapters.memory.secrets import MemorySealer
from application.settings.cases import SettingCases
from application.settings.reading import Question
from application.settings.wishes import Order, Wish
from application.submission import Submitted
from domain.rollouts import BEHIND, State, Verb
from domain.settings import EntryState, Scope
from tests.workflow.theatre import CLASSIC, DIRECT, PRODUCTION, Theatre, now
from workflows import search

LIMIT = {"key": "upload.limit", "type": "integer", "default": 10}
TEN_HOURS = timedelta(hours=10)


@pytest.fixture
async def cases(stage: Theatre) -> SettingCases:
    made = SettingCases.over(stage.store, stage.submission, MemorySealer())
    await made.definitions.create(stage.house.ada, LIMIT, "for the story")
    return made


async def waiting(stage: Theatre, cases: SettingCases, value: int = 20) -> UUID:
    """Approved by everybody, and to be applied in ten hours."""
    wishes = (Wish("upload.limit", Scope(), EntryState.SET, value),)
    order = Order(PRODUCTION, wishes, "because of the story", apply_at=now() + TEN_HOURS)
    outcome = await cases.writes.write(stage.house.ada, order)
    assert outcome.submitted is not None
    change = outcome.submitted.change.id
    stage.played.append(change)
    await stage.approve(change, stage.house.bob, stage.house.cyd)
    await stage.until(change, State.SCHEDULED)
    return change


async def scheduled(stage: Theatre) -> UUID:
    """A flag's, where nobody is asked, in ten hours."""
    await stage.policy()
    change = await stage.submit(plan={**DIRECT, "apply_at": (now() + TEN_HOURS).isoformat()})
    await stage.until(change, State.SCHEDULED)
    return change


async def value(stage: Theatre, cases: SettingCases) -> Any:
    found = await cases.reads.effective(stage.house.eve, Question(PRODUCTION, Scope()), "upload.limit")
    return found.resolution.value


@pytest.mark.req("SD1", "SD2", "SD3")
class TestApplyAt:
    async def test_holds_a_change_until_its_moment(self, stage: Theatre, cases: SettingCases) -> None:
        change = await waiting(stage, cases)
        await stage.skip(change, hours=9)
        assert ((await stage.rollout(change)).state, await value(stage, cases)) == (State.SCHEDULED, 10)
        await stage.skip(change, hours=2)
        assert await stage.end(change) is State.SUCCEEDED
        assert await value(stage, cases) == 20
        states = [line.to_state for line in await stage.timeline(change)]
        assert states[:3] == [State.AWAITING_APPROVAL, State.SCHEDULED, State.QUEUED]

    async def test_is_called_off_by_an_author_or_an_operator(self, stage: Theatre, cases: SettingCases) -> None:
        change = await waiting(stage, cases)
        await stage.act(stage.house.olu, change, Verb.ABORT)
        assert await stage.end(change) is State.CANCELLED
        change = await waiting(stage, cases, 30)
        await stage.rollouts.withdraw(stage.house.ada, change, "not this quarter")
        assert await stage.end(change) is State.WITHDRAWN
        assert await value(stage, cases) == 10

    async def test_is_checked_again_at_that_moment(self, stage: Theatre, cases: SettingCases) -> None:
        change = await waiting(stage, cases)
        narrow = {**LIMIT, "schema": {"maximum": 15}}
        asked = await cases.meanings.redefine(
            stage.house.ada, "upload.limit", narrow, expected=1, reason="for the story"
        )
        assert isinstance(asked, Submitted)
        stage.played.append(asked.change.id)
        await stage.approve(asked.change.id, stage.house.bob, stage.house.cyd)
        assert await stage.end(asked.change.id) is State.SUCCEEDED
        await stage.skip(change, hours=11)
        assert await stage.end(change) is State.INVALIDATED
        assert (await stage.rollout(change)).cause == "content_no_longer_valid"

    async def test_is_started_now_by_an_operator(self, stage: Theatre) -> None:
        change = await scheduled(stage)
        await stage.act(stage.house.olu, change, Verb.START, "the market opens early")
        assert await stage.end(change) is State.SUCCEEDED
        lines = await stage.timeline(change)
        assert [(line.cause, line.actor) for line in lines if line.actor == stage.house.olu.id] == [
            ("start_by_operator", stage.house.olu.id)
        ]

    @pytest.mark.req("FR-SM-013")
    async def test_its_process_ends_when_its_flag_is_killed(self, stage: Theatre) -> None:
        change = await scheduled(stage)
        await stage.kill_switch.kill(stage.house.root, PRODUCTION, "checkout", variant=None, reason="nobody can pay")
        assert await stage.end(change) is State.INVALIDATED

    async def test_says_until_when_in_temporal(self, stage: Theatre) -> None:
        change = await scheduled(stage)
        found = await stage.rollout(change)
        moment = found.plan.apply_at
        assert moment is not None
        described = await stage.handle(change).describe()
        assert described.typed_search_attributes.get(search.APPLY_AT) == moment
        said = str(await stage.handle(change).query("__temporal_workflow_metadata"))
        assert f"starts at {moment.isoformat(timespec='minutes')} at the earliest" in said

    async def test_behind_another_starts_when_that_has_succeeded(self, stage: Theatre) -> None:
        first = await scheduled(stage)
        second = await stage.submit(plan={**DIRECT, "after": str(first)}, content=CLASSIC)
        assert (await stage.until(second, State.SCHEDULED)).cause == BEHIND
        await stage.skip(first, hours=11)
        assert await stage.end(first) is State.SUCCEEDED
        await stage.skip(second, minutes=2)
        assert await stage.end(second) is State.SUCCEEDED
        assert (await stage.served())["defaultVariant"] == "classic"

    async def test_of_a_flag_waits_as_well(self, stage: Theatre) -> None:
        change = await scheduled(stage)
        await stage.skip(change, hours=11)
        assert await stage.end(change) is State.SUCCEEDED
        assert (await stage.served())["defaultVariant"] == "express"
