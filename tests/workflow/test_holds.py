"""What is held stays where it is, is judged all the same, ends by itself when its reason does, and never lasts."""

from datetime import timedelta
from typing import Any

import pytest

from adapters.memory.metrics import Traffic, constant
from domain.gates import Verdict
from domain.rollouts import State, Verb
from tests.workflow.theatre import BRISK, CLASSIC, Theatre, healthy, now, plan

MINUTE = timedelta(minutes=1)
SIGNAL: dict[str, Any] = {
    "gates": {**BRISK, "signals": [{"name": "pages", "latency": {"ratio": 2.0}, "metrics": {"key": "pages"}}]}
}
INFO: dict[str, Any] = {
    "gates": {**BRISK, "infos": [{"name": "pages", "latency": {"ratio": 2.0}, "metrics": {"key": "pages"}}]}
}
RATIO: dict[str, Any] = {"gates": {**BRISK, "sample_ratio": {}}}


def slow(stage: Theatre, since: float, until: float) -> None:
    """The candidate answers ten times as late in these seconds of the story."""
    begin = 3600.0
    fast = constant(0.09)
    stage.metrics._traffic = {
        "express": Traffic(constant(10), constant(0.01), lambda at: 0.9 if since <= at - begin < until else 0.09),
        "classic": Traffic(constant(90), constant(0.01), fast),
    }


class TestSignal:
    @pytest.mark.req("S33", "I2")
    async def test_it_holds_and_lets_go_when_it_recovers(self, stage: Theatre) -> None:
        slow(stage, 0, 600)
        change = await stage.launch(plan=plan(10, 100, soak=1200), **SIGNAL)
        await stage.skip(change, minutes=9)
        held = await stage.rollout(change)
        assert (held.state, held.cause, held.percent) == (State.PAUSED, "signal", 10)
        await stage.skip(change, minutes=60)
        assert await stage.end(change) is State.SUCCEEDED
        assert "signal_recovered" in [line.cause for line in await stage.timeline(change)]

    @pytest.mark.req("S33", "I8")
    async def test_that_never_recovers_goes_back(self, stage: Theatre) -> None:
        slow(stage, 0, 1e9)
        change = await stage.launch(plan=plan(10, 100, hold_limit_seconds=3600), **SIGNAL)
        await stage.skip(change, hours=2)
        assert await stage.end(change) is State.ROLLED_BACK
        assert (await stage.rollout(change)).cause == "signal_deadline"
        assert await stage.served() == CLASSIC

    @pytest.mark.req("S34")
    async def test_info_only_tells(self, stage: Theatre) -> None:
        slow(stage, 0, 1e9)
        change = await stage.launch(plan=plan(10, 100, soak=600), **INFO)
        await stage.skip(change, minutes=40)
        assert await stage.end(change) is State.SUCCEEDED
        assert all(line.to_state is not State.PAUSED for line in await stage.timeline(change))


class TestRatio:
    @pytest.mark.req("S46", "I8")
    async def test_twice_the_share_that_was_planned_is_held(self, stage: Theatre) -> None:
        stage.metrics._traffic = healthy(share=0.2)
        change = await stage.launch(plan=plan(10, 100, soak=600, hold_limit_seconds=3600), **RATIO)
        await stage.skip(change, minutes=10)
        held = await stage.rollout(change)
        assert (held.state, held.cause, held.percent) == (State.PAUSED, "srm", 10)
        await stage.skip(change, hours=2)
        assert await stage.end(change) is State.ROLLED_BACK
        assert (await stage.rollout(change)).cause == "srm_deadline"


class TestBlindness:
    @pytest.mark.req("S50")
    async def test_outages_that_are_each_short_use_up_what_the_deployment_may_be_blind(self, stage: Theatre) -> None:
        for hour in range(6):
            begin = now() + (60 * hour + 5) * MINUTE
            stage.metrics.outage(begin, begin + 30 * MINUTE)
        waits = {"check_interval_seconds": 300, "blind_budget_seconds": 3600}
        change = await stage.launch(plan=plan(10, 100, soak=8 * 3600, most=9 * 3600, **waits))
        await stage.skip(change, hours=6)
        assert await stage.end(change) is State.ROLLED_BACK
        assert (await stage.rollout(change)).cause == "blind_budget"


class TestDryRun:
    async def test_stage_that_only_analyses_is_held_where_another_would_go_back(self, stage: Theatre) -> None:
        stage.metrics.drive("express", Traffic(constant(10), constant(0.3)))
        raw = plan(10, 100)
        first, *rest = raw["stages"]
        raw = {**raw, "stages": [{**first, "analysis_only": True}, *rest], "hold_limit_seconds": 7200}
        change = await stage.launch(plan=raw)
        await stage.skip(change, minutes=20)
        held = await stage.rollout(change)
        assert (held.state, held.cause, held.percent) == (State.PAUSED, "dry_run_failed", 10)
        assert held.verdict is Verdict.FAIL
        await stage.act(stage.house.olu, change, Verb.ABORT)
        assert await stage.end(change) is State.ROLLED_BACK
