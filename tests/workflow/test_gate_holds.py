"""A rollout is held where its gates ask for it although nothing failed, and goes on by itself when that is over."""

import pytest

from adapters.memory.metrics import Traffic, constant
from domain.gates import replayed
from domain.rollouts import State
from tests.workflow.theatre import BRISK, Theatre, healthy, plan

HOUR = 3600
CARTS = [{"name": "carts", "error_rate": {}, "metrics": {"key": "carts"}}]


def _regressing(stage: Theatre, minutes: int) -> None:
    """Twenty times the errors in carts, from the third minute on, for so long."""
    since = HOUR + 180
    stage.metrics.drive(
        "carts/express",
        Traffic(constant(10), lambda at: 0.2 if since <= at < since + 60 * minutes else 0.01),
    )
    stage.metrics.drive("carts/classic", Traffic(constant(90), constant(0.01)))


class TestSignal:
    @pytest.mark.req("S33", "I2")
    async def test_holds_the_stage_and_lets_it_go_on(self, stage: Theatre) -> None:
        _regressing(stage, 20)
        change = await stage.launch(plan=plan(10, 100, soak=600), gates={**BRISK, "signals": CARTS})
        await stage.skip(change, minutes=15, seconds=30)
        held = await stage.rollout(change)
        assert (held.state, held.cause, held.percent) == (State.PAUSED, "signal", 10)
        await stage.skip(change, hours=1)
        assert await stage.end(change) is State.SUCCEEDED
        assert await stage.percents(change) == [0, 10, 100]

    @pytest.mark.req("S48")
    async def test_leaves_checks_that_say_so_again(self, stage: Theatre) -> None:
        _regressing(stage, 5)
        change = await stage.launch(plan=plan(10, 100, soak=600), gates={**BRISK, "signals": CARTS})
        await stage.skip(change, hours=1)
        assert await stage.end(change) is State.SUCCEEDED
        checks = await stage.evidence(change)
        assert "signal" in {check.record["hold"] for check in checks}
        assert all(replayed(check.record, check.state).exact for check in checks)


class TestInfo:
    @pytest.mark.req("S34")
    async def test_decides_nothing(self, stage: Theatre) -> None:
        _regressing(stage, 600)
        change = await stage.launch(plan=plan(10, 100, soak=300), gates={**BRISK, "infos": CARTS})
        await stage.skip(change, minutes=30)
        assert await stage.end(change) is State.SUCCEEDED
        assert "fail" in {check.record["metrics"][-1]["verdict"] for check in await stage.evidence(change)}


class TestShare:
    @pytest.mark.req("S46", "I8")
    async def test_that_was_not_planned_holds_the_stage_until_its_time_is_up(self, stage: Theatre) -> None:
        stage.metrics._traffic.update(healthy(share=0.5))
        short = plan(10, 100, soak=600, hold_limit_seconds=1800)
        change = await stage.launch(plan=short, gates={**BRISK, "sample_ratio": {}})
        await stage.skip(change, minutes=15)
        held = await stage.rollout(change)
        assert (held.state, held.cause, held.percent) == (State.PAUSED, "srm", 10)
        await stage.skip(change, hours=1)
        assert await stage.end(change) is State.ROLLED_BACK
