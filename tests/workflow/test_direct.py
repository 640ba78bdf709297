"""A change at once is everybody's at once, is watched while it bakes, and goes back from everybody."""

from typing import Any

import pytest

from adapters.memory.metrics import Traffic, constant
from domain.rollouts import State, Verb
from domain.tenants import Tier
from tests.workflow.estates import estate
from tests.workflow.theatre import BRISK, CLASSIC, DIRECT, EXPRESS, Theatre

WATCHED: dict[str, Any] = {**DIRECT, "late_grace_seconds": 0, "initial_delay_seconds": 60}
GATES = {**BRISK, "acknowledge_infeasible": True}


async def at_once(stage: Theatre, **more: Any) -> Any:
    await stage.policy()
    return await stage.submit(**{"plan": {**WATCHED, "bake_seconds": 600}, "gates": GATES, **more})


class TestBake:
    async def test_gates_watch_it_and_a_clean_end_is_success(self, stage: Theatre) -> None:
        change = await at_once(stage)
        await stage.until(change, State.BAKING)
        await stage.skip(change, minutes=9)
        assert (await stage.rollout(change)).state is State.BAKING
        await stage.skip(change, minutes=5)
        assert await stage.end(change) is State.SUCCEEDED
        assert len(await stage.evidence(change)) >= 9
        assert await stage.served() == EXPRESS

    @pytest.mark.req("S69", "I5")
    async def test_plain_failure_goes_back(self, stage: Theatre) -> None:
        change = await at_once(stage)
        await stage.until(change, State.BAKING)
        stage.metrics.drive("express", Traffic(constant(20), constant(0.7)))
        await stage.skip(change, minutes=5)
        assert await stage.end(change) is State.ROLLED_BACK
        assert (await stage.rollout(change)).cause == "gate_failed"
        assert await stage.served() == CLASSIC

    async def test_production_bakes_ten_minutes_what_gates_watch_and_nothing_else(self, stage: Theatre) -> None:
        plan = {name: value for name, value in WATCHED.items() if name != "bake_seconds"}
        watched = await at_once(stage, plan=plan)
        baking = await stage.until(watched, State.BAKING)
        assert (baking.plan.bake.total_seconds(), baking.watched) == (600, True)
        await stage.act(stage.house.olu, watched, Verb.ABORT)
        assert await stage.end(watched) is State.ROLLED_BACK
        alone = await at_once(stage, plan=plan, gates=None, base_version=3)
        assert await stage.end(alone) is State.SUCCEEDED


class TestOverTenants:
    @pytest.mark.req("S69", "I5")
    async def test_failure_while_it_bakes_takes_it_back_from_all_of_them(self, stage: Theatre) -> None:
        below = await estate(stage, one=Tier.FREE, two=Tier.PRO, three=Tier.ENTERPRISE)
        below.drive()
        plan = {**WATCHED, "bake_seconds": 600, "audience": {"mode": "tenant"}}
        change = await below.submit(plan, gates=GATES)
        await stage.until(change, State.BAKING)
        assert set((await below.served()).values()) == {"express"}
        below.drive("two", errors=0.9)
        below.drive("one", "three", errors=0.8)
        await stage.skip(change, minutes=5)
        assert await stage.end(change) is State.ROLLED_BACK
        assert set((await below.served()).values()) == {"classic"}
