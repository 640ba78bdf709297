"""What lost its worker is executed beside all else."""

import asyncio

import pytest

from adapters.memory.chunks import MemoryChunks
from application.commands.relaying import CommandRelay
from domain.commands import CommandState
from tests.integration.commands.bound import until
from tests.works import Lanes, Site

S = CommandState


class TestPlaces:
    @pytest.mark.req("CB-24")
    async def test_those_that_lost_their_workers_take_no_place_of_others(
        self, site: Site, chunks: MemoryChunks
    ) -> None:
        relay = CommandRelay(site.store, Lanes(site.store, (site.tenant,)), chunks, site.handlers, most=10)
        told = asyncio.Event()

        async def wait() -> None:
            await told.wait()

        suspects = [f"s{number:02}" for number in range(15)]
        await site.send(*suspects)
        await site.owner.execute("UPDATE command SET crashes = 1 WHERE tenant_id = $1", site.tenant)
        await site.send(*(f"{number:02}" for number in range(25)))
        site.works.ways = {each: [wait] for each in suspects}
        await relay.round()
        await until(lambda: relay.flying == 1 and site.works.calls.count("works/s00:1") == 1)
        assert len(chunks.started) == 1 + 3
        assert await site.states(*suspects[:2], suspects[-1]) == [S.RUNNING, S.DISPATCHED, S.PENDING]
        assert len(await site.effects()) == 25
        told.set()
        await relay.settled()
        while await relay.round():
            await relay.settled()
        assert len(await site.effects()) == 40
