"""Deployments from the terminal, at a real API: listed, watched to their end, steered."""

import asyncio
import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from adapters.postgres.store import PostgresStore
from application.admission import Admitting
from application.progression import Progression, Step
from cli.caller import Caller
from cli.deploy_events import Word
from cli.deploy_pages import Picture, line_of, metrics
from domain.rollouts import State
from tests.conftest import House
from tests.e2e.provided import Provider, Say, offered, typed  # noqa: F401 -- fixtures are found by their names

WHY = {"reason": "because of the test"}
FLAG = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
DIRECT = {"strategy": "direct", "bake_seconds": 0}


class Story:
    """One change of a flag in dev; the test is its workflow."""

    def __init__(self, store: PostgresStore, house: House, id_: str) -> None:
        self.progression, self.admitting, self.house, self.id = Progression(store), Admitting(store), house, id_

    def step(self, name: str) -> Step:
        return Step(UUID(self.id), self.house.id, name, datetime.now(UTC))

    async def play(self, *states: State) -> None:
        await self.admitting.admit(self.step("admit"))
        await self.progression.expose(self.step("expose"), 0)
        for state in states:
            await self.progression.move(self.step(state.value), state, "gate_passed")


@pytest.fixture
async def story(provider: Provider, house: House, store: PostgresStore) -> Story:
    async with Caller(provider.address, provider.issuer.mint("ada"), house.tenant.slug) as ada:
        await ada.post("/flags", {"environment": "dev", "key": "checkout", "definition": FLAG, **WHY})
        changed = {"definition": {**FLAG, "defaultVariant": "on"}, "base_version": 1, "plan": DIRECT}
        begun = await ada.post("/deployments", {"environment": "dev", "key": "checkout", **changed, **WHY})
    return Story(store, house, str(begun["rollout"]["id"]))


class TestDeploy:
    async def test_is_watched_to_its_end_line_by_line(self, say: Say, story: Story) -> None:
        watching = asyncio.ensure_future(say("eve", "deploy", "watch", story.id))
        await story.play(State.BAKING, State.SUCCEEDED)
        code, text = await asyncio.wait_for(watching, 30)
        assert code == 0
        assert re.search(r"RUNNING stage 1  100 %  stage begins", text), text
        assert text.rstrip().endswith("SUCCEEDED: gate passed")

    async def test_one_that_never_began_says_so(self, say: Say, story: Story) -> None:
        await story.progression.settle(story.step("cancel"), State.CANCELLED, "abort")
        assert (await say("eve", "deploy", "watch", story.id))[0] == 3

    async def test_is_listed_and_shown(self, say: Say, story: Story) -> None:
        await story.play(State.BAKING)
        code, text = await say("eve", "deploy", "list")
        assert (code, text.split()[:2]) == (0, [story.id, "BAKING"])
        code, text = await say("eve", "deploy", "show", story.id)
        assert code == 0
        assert "checkout in dev: BAKING at 100 %" in text
        assert "0 of 0 live instances hold it." in text
        assert "0 s without sight." in text

    async def test_a_refusal_is_a_sentence(self, say: Say, story: Story) -> None:
        await story.play()
        code, text = await say("eve", "deploy", "pause", story.id, "--reason", "too many errors")
        assert (code, "permission-missing" in text) == (1, True)
        code, text = await say("olu", "deploy", "resume", story.id, "--reason", "go on")
        assert (code, "not-running" in text) == (1, True)


class TestPages:
    def test_a_gate_is_shown_with_its_evidence_against_the_limit(self) -> None:
        gate = {"name": "error_rate", "verdict": "continue", "log_harm": 1.2}
        check: dict[str, Any] = {"record": {"spec": {"alpha_total": 0.05}, "metrics": [gate]}}
        assert list(metrics(check)) == ["error_rate: continue, evidence of harm 3.32 against a limit of 20"]

    def test_a_hold_says_why_and_until_when(self) -> None:
        step = {"at": "2026-01-31T12:00:00Z", "to_state": "PAUSED", "stage": 0, "percent": 10.0, "cause": "no_data",
                "hold": "no_data", "deadline": "2026-02-01T12:00:00Z"}  # fmt: skip
        told = line_of(Word("transition", step))
        assert "PAUSED stage 1  10 %  no data" in told
        assert "held: no data until 2026-02-01" in told

    def test_the_picture_keeps_what_was_told_and_says_when_nobody_answers(self) -> None:
        now = {"key": "checkout", "environment": "dev", "state": "RUNNING", "ended": False, "plan": {"stages": [{}]}}
        picture = Picture(now)
        picture.take(Word("convergence", {"live": 4, "holding": 3, "share": 0.75, "wanted": 0.95}))
        picture.take(Word("away", {"why": "no answer"}))
        assert list(picture._notes()) == [
            "3 of 4 live instances hold it (75%, 95% are wanted)",
            "the API does not answer: no answer; trying again",
        ]
