"""Values that need approval, on the real server: the same workflows as a flag's."""

from typing import Any

import pytest

from adapters.memory.secrets import MemorySealer
from application.approvals import VoteWish
from application.reverting import Reverting, RevertWish
from application.settings.cases import SettingCases
from application.settings.outcome import Outcome
from application.settings.reading import Question
from application.settings.wishes import Order, Wish
from application.submission import Submitted
from domain.approvals import Answer
from domain.audit import Action
from domain.rollouts import State
from domain.settings import EntryState, Scope
from tests.workflow.theatre import PRODUCTION, Theatre

LIMIT = {"key": "upload.limit", "type": "integer", "default": 10, "scopes": ["tenant", "company"]}
WISHES = (
    Wish("upload.limit", Scope(), EntryState.SET, 20),
    Wish("upload.limit", Scope("company:de"), EntryState.SET, 30),
)


@pytest.fixture
async def cases(stage: Theatre) -> SettingCases:
    made = SettingCases.over(stage.store, stage.submission, MemorySealer())
    await made.definitions.create(stage.house.ada, LIMIT, "for the story")
    return made


async def asked(stage: Theatre, cases: SettingCases) -> Any:
    outcome: Outcome = await cases.writes.write(stage.house.ada, Order(PRODUCTION, WISHES, "because of the story"))
    assert outcome.submitted is not None
    stage.played.append(outcome.submitted.change.id)
    return outcome.submitted.change.id


async def values(stage: Theatre, cases: SettingCases) -> list[Any]:
    questions = [Question(PRODUCTION, scope) for scope in (Scope(), Scope("company:de"))]
    found = [await cases.reads.effective(stage.house.eve, question, "upload.limit") for question in questions]
    return [each.resolution.value for each in found]


class TestSettings:
    @pytest.mark.req("FR-SM-001", "FR-SM-002")
    async def test_take_effect_together_after_the_last_vote(self, stage: Theatre, cases: SettingCases) -> None:
        change = await asked(stage, cases)
        await stage.approve(change, stage.house.bob)
        assert await values(stage, cases) == [10, 10]
        await stage.approve(change, stage.house.cyd)
        assert await stage.end(change) is State.SUCCEEDED
        assert await values(stage, cases) == [20, 30]
        assert len(await stage.audited(Action.SETTING_CHANGED, change)) == 2
        description = await stage.handle(change).describe()
        assert await description.static_summary() == "Rollout of setting #upload.limit and 1 more in production"

    async def test_at_a_scope_as_long_as_there_can_be_take_effect(self, stage: Theatre, cases: SettingCases) -> None:
        kind = "c" * 30
        await cases.definitions.create(stage.house.ada, {**LIMIT, "key": "k" * 200, "scopes": [kind]}, "for the story")
        deep = Scope("/".join([f"{kind}:{'d' * 100}"] * 16))
        order = Order(PRODUCTION, (Wish("k" * 200, deep, EntryState.SET, 30),), "because of the story")
        outcome = await cases.writes.write(stage.house.ada, order)
        assert outcome.submitted is not None
        change = outcome.submitted.change.id
        stage.played.append(change)
        await stage.approve(change, stage.house.bob, stage.house.cyd)
        assert await stage.end(change) is State.SUCCEEDED
        effective = await cases.reads.effective(stage.house.eve, Question(PRODUCTION, deep), "k" * 200)
        assert effective.resolution.value == 30

    @pytest.mark.req("ST83", "FR-SM-032")
    async def test_go_back_by_a_change_of_their_own(self, stage: Theatre, cases: SettingCases) -> None:
        change = await asked(stage, cases)
        await stage.approve(change, stage.house.bob, stage.house.cyd)
        assert await stage.end(change) is State.SUCCEEDED
        reverting = Reverting(stage.store, stage.changes, stage.submission, cases)
        done = await reverting.revert(stage.house.ada, change, RevertWish("because of the story"))
        assert done.submitted is not None
        back = done.submitted.change.id
        stage.played.append(back)
        await stage.approve(back, stage.house.bob, stage.house.dee)
        assert await stage.end(back) is State.SUCCEEDED
        assert await values(stage, cases) == [10, 10]

    @pytest.mark.req("FR-SM-004")
    async def test_mean_something_else_after_the_last_vote(self, stage: Theatre, cases: SettingCases) -> None:
        wanted = {**LIMIT, "default": 15}
        done = await cases.meanings.redefine(
            stage.house.ada, "upload.limit", wanted, expected=1, reason="for the story"
        )
        assert isinstance(done, Submitted)
        change = done.change.id
        stage.played.append(change)
        await stage.approve(change, stage.house.bob, stage.house.cyd)
        assert await stage.end(change) is State.SUCCEEDED
        assert await values(stage, cases) == [15, 15]
        description = await stage.handle(change).describe()
        assert await description.static_summary() == "Rollout of setting-definition *#upload.limit in production"

    async def test_rejected_ones_never_do(self, stage: Theatre, cases: SettingCases) -> None:
        change = await asked(stage, cases)
        await stage.approvals.vote(stage.house.bob, change, VoteWish(Answer.REJECT, "not this quarter, please"))
        assert await stage.end(change) is State.REJECTED
        assert await values(stage, cases) == [10, 10]
