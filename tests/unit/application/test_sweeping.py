import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from adapters.memory.store import MemoryStore
from application.ports.records import WaitingKind
from application.sweeping import Sweeper
from domain.errors import Unavailable
from tests.world import PRODUCTION, World


def sweeper(world: World) -> Sweeper:
    return Sweeper(world.store, world.processes, pause=0)


async def kinds(world: World) -> set[WaitingKind]:
    return {row.kind for row in await world.store.waiting()}


class TestSweep:
    async def test_an_outage_of_temporal_only_delays(self, world: World) -> None:
        await world.put()
        world.processes.down = True
        submitted = await world.submission.submit(world.ada, (await world.propose()).id)
        world.clock += timedelta(seconds=3)
        sweep = sweeper(world)
        await sweep.sweep()
        assert not (await world.rollout(submitted.rollout.id)).started
        world.processes.down = False
        await sweep.sweep()
        assert world.processes.started == [submitted.rollout.id]
        assert await sweep.sweep() == 0

    async def test_a_kill_is_told_until_its_rollout_hears(self, world: World) -> None:
        rollout = await world.running()
        world.processes.down = True
        await world.kill_switch.kill(world.root, PRODUCTION, "checkout", variant=None, reason="it burns")
        world.processes.down = False
        for _ in range(2):
            await sweeper(world).sweep()
        assert world.processes.kills == [rollout, rollout]

    async def test_a_row_that_is_broken_stops_no_other(self, world: World) -> None:
        await world.put()
        await world.put(key="other")
        world.processes.down = True
        broken = await world.submission.submit(world.ada, (await world.propose()).id)
        good = await world.submission.submit(world.ada, (await world.propose(key="other")).id)
        assert isinstance(world.store, MemoryStore)
        del world.store._rows[world.tenant.id].approvals[broken.approval.id]
        world.clock += timedelta(seconds=3)
        world.processes.down = False
        await sweeper(world).sweep()
        assert world.processes.started == [good.rollout.id]

    async def test_leaves_messages_to_their_commands(self, world: World) -> None:
        await world.submit()
        assert await world.notices() != []
        assert await kinds(world) == set()

    async def test_runs_through_an_outage_of_the_database(self, world: World) -> None:
        await world.put()
        world.processes.down = True
        submitted = await world.submission.submit(world.ada, (await world.propose()).id)
        world.processes.down = False
        world.clock += timedelta(seconds=3)
        assert isinstance(world.store, MemoryStore)
        world.store.down = True
        with pytest.raises(Unavailable):
            await sweeper(world).sweep()
        running = asyncio.create_task(sweeper(world).run())
        await asyncio.sleep(0.01)
        assert world.processes.started == []
        world.store.down = False
        await asyncio.sleep(0.05)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        assert world.processes.started == [submitted.rollout.id]
