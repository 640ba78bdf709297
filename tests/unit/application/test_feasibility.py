import math
from datetime import timedelta
from typing import Any

import pytest

from adapters.memory.metrics import ScriptedSource, Traffic, constant
from application.changes import Changes
from domain.environments import Environment
from domain.gates import BaselineHealthy, BaselineUnhealthy
from domain.gates.feasibility import GateNotFeasible
from tests.world import OFF, START, World

DAY = timedelta(days=1)


def served(world: World, per_second: float, errors: float = 0.01) -> None:
    """For a day the flag has been off for everybody, and so many asked."""
    metrics = ScriptedSource(START - DAY, {"off": Traffic(constant(per_second), constant(errors))})
    world.changes = Changes(world.store, metrics)


def best(refusal: GateNotFeasible) -> float:
    """The smallest regression that could be seen."""
    found = refusal.facts["min_detectable_ratio"]
    return math.inf if found is None else float(str(found))


class TestProposal:
    @pytest.mark.req("S45")
    async def test_that_no_gate_could_judge_is_refused_in_production(self, world: World) -> None:
        await world.put()
        served(world, 0.05)
        with pytest.raises(GateNotFeasible) as refused:
            await world.propose()
        assert best(refused.value) > 3
        assert [fault.path for fault in refused.value.faults] == ["/gates"]

    @pytest.mark.req("S45")
    async def test_says_how_little_could_be_seen(self, world: World) -> None:
        await world.put()
        served(world, 1.0)
        with pytest.raises(GateNotFeasible) as refused:
            await world.propose()
        assert 3 < best(refused.value) < 10

    @pytest.mark.req("S45")
    async def test_that_is_acknowledged_is_taken_and_says_so_to_approvers(self, world: World) -> None:
        await world.put()
        served(world, 0.05)
        change = await world.propose(gates={"acknowledge_infeasible": True})
        assert change.content.gates["acknowledge_infeasible"] is True
        assert "acknowledge_infeasible" in str(change.content.to_json())

    async def test_with_traffic_enough_is_taken(self, world: World) -> None:
        await world.put()
        served(world, 10.0)
        assert "acknowledge_infeasible" not in (await world.propose()).content.gates

    async def test_elsewhere_is_nobodys_worry(self, world: World) -> None:
        await world.put(environment=Environment.STAGING)
        served(world, 0.05)
        await world.propose(environment=Environment.STAGING)

    async def test_of_what_was_never_counted_is_taken(self, world: World) -> None:
        await world.put()
        world.changes = Changes(world.store, ScriptedSource(START))
        await world.propose()

    async def test_is_taken_where_the_source_knows_no_past(self, world: World) -> None:
        await world.put()
        served(world, 0.05)
        source: Any = world.changes.metrics
        source.forget()
        await world.propose()


class TestFixForward:
    async def test_is_asked_for_when_what_is_served_is_broken(self, world: World) -> None:
        await world.put(OFF)
        served(world, 10.0, 0.3)
        with pytest.raises(BaselineUnhealthy):
            await world.propose()
        change = await world.propose(gates={"fix_forward": {"max_error_rate": 0.05}})
        assert change.content.gates["fix_forward"] == {"max_error_rate": 0.05}

    async def test_is_refused_when_nothing_is_broken(self, world: World) -> None:
        await world.put()
        served(world, 10.0)
        with pytest.raises(BaselineHealthy):
            await world.propose(gates={"fix_forward": {}})


class TestApprovers:
    @pytest.mark.req("S45")
    async def test_read_what_was_measured_in_the_content(self, world: World) -> None:
        await world.put()
        served(world, 1.0)
        change = await world.propose(gates={"acknowledge_infeasible": True, "min_detectable_ratio": 1.01})
        assert 3 < change.content.gates["min_detectable_ratio"] < 10
        assert change.intact

    async def test_read_nothing_that_was_not_measured(self, world: World) -> None:
        await world.put()
        change = await world.propose(gates={"min_detectable_ratio": 1.01})
        assert "min_detectable_ratio" not in change.content.gates

    async def test_of_another_days_traffic_read_the_same_content(self, world: World) -> None:
        await world.put()
        served(world, 10.0)
        one = (await world.propose()).content
        served(world, 20.0)
        other = (await world.propose()).content
        assert one.gates != other.gates
        assert one.same_as(other)
