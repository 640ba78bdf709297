"""A stage has to arrive before it is judged: who does not take it up holds it, and nobody waits for who is away."""

from datetime import timedelta
from uuid import UUID

import pytest

from adapters.memory.metrics import Traffic, constant
from domain.instances import Holds, Instance
from domain.rollouts import Phase, State, Verb
from tests.workflow.theatre import CLASSIC, PRODUCTION, Theatre, now, plan

OLD, NEW = Holds(flags=0), Holds(flags=10**9)
LONG_AGO = timedelta(minutes=6)


async def report(stage: Theatre, holds: Holds, *names: str, ago: timedelta = timedelta(0)) -> None:
    """What these instances say that they hold."""
    seen = [Instance(PRODUCTION, name, holds, now() - ago) for name in names]
    async with stage.store.transaction(stage.house.id) as tx:
        await tx.instances.report(seen, most=100)


async def causes(stage: Theatre, change: UUID) -> list[str]:
    return [line.cause for line in await stage.timeline(change)]


class TestArrival:
    async def test_nobody_there_is_nobody_to_wait_for(self, stage: Theatre) -> None:
        change = await stage.launch()
        await stage.skip(change, minutes=20)
        assert await stage.end(change) is State.SUCCEEDED
        assert (await causes(stage, change)).count("converged") == 2

    @pytest.mark.req("S59", "S61", "I2")
    async def test_a_fifth_that_stays_behind_holds_it_and_its_soak_has_not_begun(self, stage: Theatre) -> None:
        await report(stage, NEW, "a", "b", "c", "d")
        await report(stage, OLD, "e")
        change = await stage.launch()
        await stage.skip(change, minutes=4)
        waiting = await stage.rollout(change)
        assert (waiting.state, waiting.phase, await stage.evidence(change)) == (State.RUNNING, Phase.CONVERGING, [])
        await stage.skip(change, minutes=3)
        held = await stage.rollout(change)
        assert (held.state, held.cause, held.percent) == (State.PAUSED, "not_converged", 10)
        await report(stage, NEW, "e")
        await stage.skip(change, minutes=20)
        assert await stage.end(change) is State.SUCCEEDED
        assert "converged" in await causes(stage, change)

    @pytest.mark.req("S59")
    async def test_who_was_not_seen_for_five_minutes_is_not_waited_for(self, stage: Theatre) -> None:
        await report(stage, NEW, "a")
        await report(stage, OLD, "b", ago=LONG_AGO)
        change = await stage.launch()
        await stage.skip(change, minutes=20)
        assert await stage.end(change) is State.SUCCEEDED


class TestHeld:
    @pytest.mark.req("S59", "I8")
    async def test_nobody_comes_and_after_a_day_it_goes_back(self, stage: Theatre) -> None:
        await report(stage, OLD, "a")
        change = await stage.launch(plan=plan(check_interval_seconds=3600, hold_limit_seconds=7200))
        await stage.skip(change, hours=3)
        assert await stage.end(change) is State.ROLLED_BACK
        assert (await stage.rollout(change)).cause == "not_converged_deadline"
        assert await stage.served() == CLASSIC

    async def test_operator_lets_it_go_on_as_it_is(self, stage: Theatre) -> None:
        await report(stage, OLD, "a")
        change = await stage.launch(plan=plan(10, 100, converge_limit_seconds=30))
        await stage.skip(change, minutes=2)
        assert (await stage.rollout(change)).cause == "not_converged"
        await stage.act(stage.house.olu, change, Verb.RESUME, "that instance is being taken down")
        await stage.skip(change, minutes=2)
        soaking = await stage.rollout(change)
        assert (soaking.state, soaking.phase, soaking.percent) == (State.RUNNING, Phase.SOAKING, 10)
        assert "goes_on_unconverged" in await causes(stage, change)

    async def test_what_has_arrived_is_judged_all_the_same(self, stage: Theatre) -> None:
        await report(stage, OLD, "a")
        stage.metrics.drive("express", Traffic(constant(10), constant(0.75)))
        change = await stage.launch(plan=plan(10, 100, soak=600))
        await stage.skip(change, minutes=20)
        assert await stage.end(change) is State.ROLLED_BACK
        assert (await stage.rollout(change)).cause == "gate_failed"

    async def test_abort_ends_the_wait(self, stage: Theatre) -> None:
        await report(stage, OLD, "a")
        change = await stage.launch(plan=plan(converge_limit_seconds=3600))
        await stage.act(stage.house.olu, change, Verb.ABORT)
        await stage.skip(change, hours=2)
        assert await stage.end(change) is State.ROLLED_BACK
