"""What fails after a switch is switched back at once and in one write, for what was there before is still whole."""

from typing import Any

import pytest

from adapters.memory.metrics import Traffic, constant
from domain.rollouts import State, Transition
from tests.workflow.theatre import BRISK, CLASSIC, EXPRESS, PRODUCTION, Theatre

SWITCH: dict[str, Any] = {
    "strategy": "blue-green", "bake_seconds": 900, "initial_delay_seconds": 60, "late_grace_seconds": 0,
    "blue_green": {},
}  # fmt: skip


def first(lines: list[Transition], state: State) -> Transition:
    return next(line for line in lines if line.to_state is state)


@pytest.mark.req("S65", "I5")
async def test_between_the_verdict_and_the_end_nothing_is_waited_for(stage: Theatre) -> None:
    await stage.policy()
    change = await stage.submit(plan=SWITCH, gates={**BRISK, "acknowledge_infeasible": True})
    await stage.until(change, State.BAKING)
    assert await stage.served() == EXPRESS
    stage.metrics.drive("express", Traffic(constant(100), constant(0.9)))
    await stage.skip(change, minutes=20)
    assert await stage.end(change) is State.ROLLED_BACK
    assert (await stage.rollout(change)).cause == "gate_failed"
    lines = await stage.timeline(change)
    waited = first(lines, State.ROLLED_BACK).at - first(lines, State.ROLLING_BACK).at
    assert waited.total_seconds() < 60
    async with stage.store.transaction(stage.house.id) as tx:
        back, green, blue = await tx.flags.versions(PRODUCTION, "checkout", 1000, 100)
    assert (back.definition, green.definition, blue.definition) == (CLASSIC, EXPRESS, CLASSIC)
