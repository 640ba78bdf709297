"""Commands that are due are executed by workflows on the real Temporal, a lease each."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.worker import Replayer

from activities.commands import CommandActivities
from adapters.embedded.stack import Stack
from adapters.postgres.store import PostgresStore
from adapters.temporal.chunks import TemporalChunks, chunk_worker
from adapters.temporal.client import always, connect
from adapters.temporal.worker import sandbox
from application.commands.executing import Executing
from application.commands.relaying import CommandRelay
from domain.commands import CommandState
from tests.conftest import House
from tests.workflow.plain import plain
from tests.workflow.record import kept
from tests.workflow.theatre import seen
from tests.works import SCHEMA, Lanes, Site
from worker import ended
from workflows.command_chunk import CommandChunkWorkflow

S = CommandState


@dataclass
class Fleet:
    """Workers and relays of one site; what they carried out is replayed at the end."""

    site: Site
    client: Client
    address: str
    chunks: TemporalChunks
    leases: list[UUID] = field(default_factory=list)

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[Executing]:
        executing = Executing(self.site.store, self.site.handlers)
        client = await connect(self.address)  # two workers of one client may not have one queue
        async with chunk_worker(client, CommandActivities(executing), self.chunks.queue("works")):
            yield executing

    @asynccontextmanager
    async def relay(self) -> AsyncIterator[None]:
        lanes = Lanes(self.site.store, (self.site.tenant,))
        relaying = asyncio.create_task(CommandRelay(self.site.store, lanes, self.chunks, self.site.handlers).run())
        try:
            yield
        finally:
            await ended(relaying)

    async def lease(self) -> UUID:
        self.leases.append(await self.site.lease())
        return self.leases[-1]

    async def until(self, state: CommandState, *ids: str) -> None:
        async def there() -> bool:
            return set(await self.site.states(*ids)) == {state}

        await seen(there)


@pytest_asyncio.fixture
async def fleet(
    house: House, store: PostgresStore, client: Client, stack: Stack, database_url: str
) -> AsyncIterator[Fleet]:
    owner = await asyncpg.connect(stack.endpoints.database_superuser_url)
    await owner.execute(SCHEMA)
    chunks = TemporalChunks(always(client), f"q-{secrets.token_hex(4)}")
    made = Fleet(Site(house.id, store, owner), client, stack.endpoints.temporal_address, chunks)
    yield made
    await owner.close()
    replayer = Replayer(
        workflows=[CommandChunkWorkflow], workflow_runner=sandbox(), data_converter=client.data_converter
    )
    for lease in made.leases:
        history = await client.get_workflow_handle(f"command-chunk/{lease}").fetch_history()
        await replayer.replay_workflow(history)
        kept("chunk", history)


class TestChunk:
    @pytest.mark.req("CB-56")
    async def test_each_command_of_a_lease_is_executed(self, fleet: Fleet) -> None:
        await fleet.site.send("1", "2", "3")
        lease = await fleet.lease()
        await fleet.chunks.start(fleet.site.tenant, "works", lease)
        assert await fleet.chunks.alive(lease)
        async with fleet.worker():
            await fleet.chunks.over(lease)
        assert await fleet.site.effects() == ["1", "2", "3"]
        assert not await fleet.chunks.alive(lease)

    @pytest.mark.req("CB-23")
    async def test_started_again_it_is_carried_out_once(self, fleet: Fleet) -> None:
        await fleet.site.send("1", "2")
        lease = await fleet.lease()
        for _ in range(2):
            await fleet.chunks.start(fleet.site.tenant, "works", lease)
        async with fleet.worker():
            await fleet.chunks.over(lease)
            await fleet.chunks.start(fleet.site.tenant, "works", lease)
            assert not await fleet.chunks.alive(lease)
        assert fleet.site.works.calls == ["works/1:1", "works/2:1"]

    async def test_one_that_was_never_started_is_over(self, fleet: Fleet) -> None:
        lease = uuid4()
        await fleet.chunks.over(lease)
        assert not await fleet.chunks.alive(lease)

    @pytest.mark.req("CB-57")
    async def test_its_history_holds_ids_and_counts_alone(self, fleet: Fleet) -> None:
        await fleet.site.send("secret-id", payload={"words": "between us"})
        lease = await fleet.lease()
        await fleet.chunks.start(fleet.site.tenant, "works", lease)
        async with fleet.worker():
            await fleet.chunks.over(lease)
        told = plain(await fleet.client.get_workflow_handle(f"command-chunk/{lease}").fetch_history())
        assert f'"lease":"{lease}"' in told
        assert "between us" not in told
        assert "secret-id" not in told


class TestFleet:
    async def test_what_is_sent_is_executed(self, fleet: Fleet) -> None:
        async with fleet.worker(), fleet.relay():
            await fleet.site.send(*"123")
            await fleet.until(S.COMPLETED, *"123")
            await fleet.site.send(*"456", type="works.call")
            await fleet.until(S.COMPLETED, *"456")
        assert await fleet.site.effects() == ["1", "2", "3"]

    async def test_what_nobody_serves_yet_waits_for_a_worker(self, fleet: Fleet) -> None:
        async with fleet.relay():
            await fleet.site.send("1")
            await fleet.until(S.DISPATCHED, "1")
            async with fleet.worker():
                await fleet.until(S.COMPLETED, "1")
        assert await fleet.site.trail("1") == ["dispatched", "started", "completed"]

    async def test_two_workers_and_two_relays_execute_each_once(self, fleet: Fleet) -> None:
        names = [f"{number:03}" for number in range(200)]
        await fleet.site.send(*names)
        async with fleet.worker(), fleet.worker(), fleet.relay(), fleet.relay():
            await fleet.until(S.COMPLETED, *names)
        assert sorted(fleet.site.works.calls) == [f"works/{each}:1" for each in names]
        assert await fleet.site.effects() == names
