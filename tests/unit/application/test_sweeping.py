import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from adapters.memory.notify import MemoryNotifier
from adapters.memory.store import MemoryStore
from application.notices import Delivery
from application.ports.records import WaitingKind
from application.sweeping import Sweeper
from domain.errors import Unavailable
from tests.world import PRODUCTION, World


def sweeper(world: World, notifier: MemoryNotifier, webhook: str | None = "https://hooks.example.test/x") -> Sweeper:
    delivery = Delivery(world.store, notifier, origin="https://gate.example.test/", webhook=webhook)
    return Sweeper(world.store, world.processes, delivery, pause=0)


async def kinds(world: World) -> set[WaitingKind]:
    return {row.kind for row in await world.store.waiting()}


class TestSweep:
    async def test_an_outage_of_temporal_only_delays(self, world: World) -> None:
        await world.put()
        world.processes.down = True
        submitted = await world.submission.submit(world.ada, (await world.propose()).id)
        world.clock += timedelta(seconds=3)
        sweep = sweeper(world, MemoryNotifier())
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
            await sweeper(world, MemoryNotifier()).sweep()
        assert world.processes.kills == [rollout, rollout]

    @pytest.mark.req("S77")
    async def test_a_dead_mail_server_loses_no_message(self, world: World) -> None:
        await world.submit()
        notifier = MemoryNotifier(down=True)
        sweep = sweeper(world, notifier)
        for _ in range(3):
            await sweep.sweep()
            world.clock += timedelta(minutes=10)
        assert (notifier.delivered, await kinds(world)) == ([], {WaitingKind.NOTICE})
        notifier.down = False
        await sweep.sweep()
        await sweep.sweep()
        assert sorted(message.recipient.name for message in notifier.delivered) == ["", "abe", "bob", "cyd", "dee"]
        assert {message.link.startswith("https://gate.example.test/approvals/") for message in notifier.delivered} == {
            True
        }
        assert await kinds(world) == set()

    async def test_a_row_that_is_broken_stops_no_other(self, world: World) -> None:
        await world.put()
        world.processes.down = True
        broken = await world.submission.submit(world.ada, (await world.propose()).id)
        assert isinstance(world.store, MemoryStore)
        del world.store._rows[world.tenant.id].approvals[broken.approval.id]
        world.clock += timedelta(seconds=3)
        world.processes.down = False
        notifier = MemoryNotifier()
        await sweeper(world, notifier).sweep()
        assert world.processes.started == []
        assert notifier.delivered != []

    async def test_where_there_is_no_webhook_nobody_is_told(self, world: World) -> None:
        await world.submit()
        notifier = MemoryNotifier()
        await sweeper(world, notifier, webhook=None).sweep()
        assert len(notifier.delivered) == 4
        assert await kinds(world) == set()

    async def test_runs_through_an_outage_of_the_database(self, world: World) -> None:
        await world.submit()
        assert isinstance(world.store, MemoryStore)
        notifier = MemoryNotifier()
        world.store.down = True
        with pytest.raises(Unavailable):
            await sweeper(world, notifier).sweep()
        running = asyncio.create_task(sweeper(world, notifier).run())
        await asyncio.sleep(0.01)
        assert notifier.delivered == []
        world.store.down = False
        await asyncio.sleep(0.05)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        assert len(notifier.delivered) == 5
