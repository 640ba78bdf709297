"""Every step is counted once by whoever tells it, and what a deployment took is told in three parts."""

import asyncio
from datetime import timedelta
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest

from api.deployment_meters import DeploymentMeters
from application.deployments.measuring import Measuring
from application.events.publishing import Publisher
from application.ports.records import Check
from domain.environments import Environment
from domain.gates import Verdict
from domain.instances import Holds, Instance
from domain.rollouts import State
from tests.world import World


class Watch:
    """Two processes that tell events, and what each of them counted."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.measurings = [Measuring(world.store) for _ in range(2)]
        self.publishers = [Publisher(world.store) for _ in range(2)]
        for publisher, measuring in zip(self.publishers, self.measurings, strict=True):
            publisher.tell(measuring.take)

    async def tell(self) -> None:
        await asyncio.gather(*(each.publish(self.world.tenant.id) for each in self.publishers))

    def counted(self) -> dict[str, int]:
        return dict(self.measurings[0].tally.states + self.measurings[1].tally.states)

    def text(self) -> str:
        registry = CollectorRegistry()
        registry.register(DeploymentMeters(self.measurings[0].tally))
        return generate_latest(registry).decode()


class TestMeasuring:
    async def test_each_step_is_counted_once_over_all_processes(self, world: World) -> None:
        watch = Watch(world)
        rollout = await world.running()
        await watch.tell()
        await watch.tell()
        lines = await world.timeline(rollout)
        assert sum(watch.counted().values()) == len(lines)
        assert watch.counted()[State.RUNNING.value] == 2

    async def test_an_end_is_told_in_three_parts_and_approvals_by_level(self, world: World) -> None:
        watch = Watch(world)
        submitted = await world.submit()
        world.clock += timedelta(hours=1)
        await world.vote("bob", submitted.approval.id)
        world.clock += timedelta(hours=2)
        await world.vote("cyd", submitted.approval.id)
        await world.admit(submitted.rollout.id)
        await world.progression.expose(world.step(submitted.rollout.id, "expose:0"), 0)
        world.clock += timedelta(minutes=5)
        await world.progression.move(world.step(submitted.rollout.id, "fail"), State.ROLLING_BACK, "gate_failed")
        world.clock += timedelta(seconds=4)
        await world.back(world.step(submitted.rollout.id, "restore"))
        await watch.publishers[0].publish(world.tenant.id)
        tally = watch.measurings[0].tally
        assert {level: each.total for level, each in tally.waits.items()} == {1: 3600.0, 2: 7200.0}
        lasted = {part: each.total for (status, part), each in tally.durations.items() if status == "ROLLED_BACK"}
        assert lasted == {"progression": 304.0, "manual_wait": 10_800.0, "blind": 0.0}
        assert (tally.rollbacks.count, tally.rollbacks.total) == (1, 4.0)
        assert 'changegate_deployment_state_total{state="ROLLED_BACK"} 1.0' in watch.text()
        assert 'changegate_approval_wait_seconds_count{level="2"} 1.0' in watch.text()

    async def test_what_is_exposed_now_shows_its_evidence_and_who_holds_it(self, world: World) -> None:
        watch = Watch(world)
        rollout = await world.running()
        await watch.publishers[0].publish(world.tenant.id)
        record: dict[str, Any] = {"metrics": [{"name": "error_rate", "log_harm": 0.0}]}
        async with world.store.transaction(world.tenant.id) as tx:
            await tx.evidence.add(Check(rollout, 1, 0, Verdict.CONTINUE, "more", record, {}, tx.now))
            old = Instance(Environment.PRODUCTION, "old", Holds(flags=0), tx.now)
            await tx.instances.report([old], most=10)
        await watch.measurings[0].look()
        assert f'changegate_gate_evalue{{deployment="{rollout}",metric="error_rate"}} 1.0' in watch.text()
        assert f'changegate_convergence_ratio{{deployment="{rollout}"}} 0.0' in watch.text()
        await world.progression.move(world.step(rollout, "fail"), State.ROLLING_BACK, "gate_failed")
        await world.back(world.step(rollout, "restore"))
        await watch.measurings[0].look()
        assert str(rollout) not in watch.text()

    async def test_whoever_fails_to_count_keeps_nothing_from_being_told(self, world: World) -> None:
        async def fails(*_: Any) -> None:
            raise LookupError

        publisher = Publisher(world.store)
        publisher.tell(fails)
        await world.running()
        assert await publisher.publish(world.tenant.id) > 0
        assert await publisher.publish(world.tenant.id) == 0
