"""A long command is executed by a workflow of its own on the real Temporal, and whoever waits for it is told."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.worker import Replayer

from activities.commands import CommandActivities
from activities.long_commands import LongCommandActivities
from adapters.embedded.stack import Stack
from adapters.postgres.store import PostgresStore
from adapters.temporal.chunks import TemporalChunks, chunk_worker
from adapters.temporal.client import always, connect
from adapters.temporal.command_runs import TemporalCommandRuns, asked_outcome
from adapters.temporal.processes import refusal_of
from adapters.temporal.standalone_runs import TemporalStandaloneRuns
from adapters.temporal.worker import sandbox
from application.commands.executing import Executing
from application.commands.lasting import Lasting
from application.commands.living import Living
from application.commands.relaying import CommandRelay
from application.commands.sweeping import CommandSweeper
from application.ports.command_runs import CommandRuns
from domain.commands import CommandRecord, CommandState
from domain.commands.outcomes import Permanent
from domain.commands.refusals import WillNotRun
from tests.builds import Builds, building
from tests.conftest import House
from tests.integration.commands.test_lasting import ask
from tests.workflow.plain import plain
from tests.workflow.record import kept
from tests.workflow.theatre import seen
from tests.works import SCHEMA, Lanes, Site, for_ever
from worker import ended
from workflows import search
from workflows.command import CommandWorkflow

S = CommandState


@dataclass
class Yard:
    """Workers and relays of one site; the workflows that it had are replayed at the end."""

    site: Site
    builds: Builds
    client: Client
    address: str
    prefix: str
    seen: dict[str, str] = field(default_factory=dict)

    @property
    def runs(self) -> TemporalCommandRuns:
        return TemporalCommandRuns(always(self.client), self.prefix)

    @property
    def standalone(self) -> TemporalStandaloneRuns:
        return TemporalStandaloneRuns(always(self.client), self.prefix)

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[Lasting]:
        lasting = Lasting(self.site.store, self.site.handlers, Living(self.site.store, beat=0.2))
        chunks = CommandActivities(Executing(self.site.store, self.site.handlers))
        client = await connect(self.address)
        async with chunk_worker(client, chunks, f"{self.prefix}-works", LongCommandActivities(lasting)):
            yield lasting

    @asynccontextmanager
    async def relay(self, runs: CommandRuns | None = None) -> AsyncIterator[None]:
        lanes = Lanes(self.site.store, (self.site.tenant,))
        chunks = TemporalChunks(always(self.client), self.prefix)
        relay = CommandRelay(self.site.store, lanes, chunks, self.site.handlers).leading(runs or self.runs)
        relaying = asyncio.create_task(relay.run())
        try:
            yield
        finally:
            await ended(relaying)

    async def send(self, *ids: str, kind: str = "works.build", **options: Any) -> CommandRecord:
        await self.site.send(*ids, type=kind, **options)
        return await self.stand(ids[0])

    async def leased(self) -> CommandRecord:
        lease = await self.site.lease(1)
        async with self.site.store.transaction(self.site.tenant) as tx:
            (record,) = await tx.commands.leased(lease)
        self.seen[record.command.id] = record.workflow_id
        return record

    async def stand(self, name: str) -> CommandRecord:
        record = await self.site.stand(name)
        self.seen[name] = record.workflow_id
        return record

    async def until(self, state: CommandState, *ids: str) -> None:
        async def there() -> bool:
            return set(await self.site.states(*ids)) == {state}

        await seen(there)

    async def called(self, times: int = 1) -> None:
        async def there() -> bool:
            return len(self.builds.calls) >= times

        await seen(there)

    async def history(self, name: str) -> str:
        return plain(await self.client.get_workflow_handle(self.seen[name]).fetch_history())


@pytest_asyncio.fixture
async def yard(
    house: House, store: PostgresStore, client: Client, stack: Stack, database_url: str
) -> AsyncIterator[Yard]:
    owner = await asyncpg.connect(stack.endpoints.database_superuser_url)
    await owner.execute(SCHEMA)
    site = Site(house.id, store, owner)
    made = Yard(site, building(site), client, stack.endpoints.temporal_address, f"q-{secrets.token_hex(4)}")
    yield made
    await owner.close()
    replayer = Replayer(workflows=[CommandWorkflow], workflow_runner=sandbox(), data_converter=client.data_converter)
    for workflow_id in made.seen.values():
        history = await client.get_workflow_handle(workflow_id).fetch_history()
        await replayer.replay_workflow(history)
        kept("command", history)


class TestRun:
    @pytest.mark.req("CB-18", "CB-56")
    async def test_it_is_executed_once_and_its_end_is_told(self, yard: Yard) -> None:
        await yard.send("1")
        async with yard.worker(), yard.relay():
            await yard.until(S.COMPLETED, "1")
            record = await yard.stand("1")
            await yard.runs.over(record)
            assert not await yard.runs.alive(record)
        assert yard.builds.calls == ["works/1:1"]
        found = await yard.client.get_workflow_handle(record.workflow_id).describe()
        told = [
            found.typed_search_attributes.get(key) for key in (search.STATE, search.TARGET_KEY, search.COMMAND_TYPE)
        ]
        assert told == ["completed", "works/1", "works.build"]

    @pytest.mark.req("CB-57")
    async def test_its_history_holds_ids_and_where_it_stands_alone(self, yard: Yard) -> None:
        await yard.send("1", payload={"words": "between us"})
        await yard.runs.start(record := await yard.leased())
        async with yard.worker():
            await yard.runs.over(record)
        told = await yard.history("1")
        assert f'"lease":"{record.lease}"' in told
        assert '"state":"completed"' in told
        assert "between us" not in told

    @pytest.mark.req("CB-23")
    async def test_started_again_it_is_carried_out_once(self, yard: Yard) -> None:
        await yard.send("1")
        record = await yard.leased()
        for _ in range(2):
            await yard.runs.start(record)
        assert await yard.runs.alive(record)
        async with yard.worker():
            await yard.runs.over(record)
            await yard.runs.start(record)
            await yard.runs.over(record)
        assert yard.builds.calls == ["works/1:1"]

    async def test_each_attempt_is_a_run_and_a_parked_one_says_what_to_do(self, yard: Yard) -> None:
        await yard.send("1")
        yard.builds.ways["1"] = [OSError(), Permanent("no-disk")]
        async with yard.worker(), yard.relay():
            await yard.until(S.PARKED, "1")
            record = await yard.stand("1")
            await yard.runs.over(record)
            handle = yard.client.get_workflow_handle(record.workflow_id)
            stand = await handle.query("status")
            words = (await handle.query("__temporal_workflow_metadata")).current_details
        assert (record.attempt, stand["state"], stand["code"]) == (2, "parked", "no-disk")
        assert "Parked as permanent in attempt 2, with the code `no-disk`" in words
        assert "`changegate commands show works 1`" in words

    async def test_short_ones_of_its_lane_do_not_wait_for_it(self, yard: Yard) -> None:
        yard.builds.ways["long"] = [for_ever]
        await yard.send("long")
        async with yard.worker() as lasting, yard.relay():
            await yard.called()
            await yard.site.send("1", "2")
            await yard.until(S.COMPLETED, "1", "2")
            assert (await yard.stand("long")).state is S.RUNNING
            await ask(yard.site, await yard.stand("long"))
            await yard.until(S.CANCELED, "long")
            await lasting.drain(timedelta())
            await yard.runs.over(await yard.stand("long"))

    async def test_what_lost_its_lease_in_time_is_still_its_workflows(self, yard: Yard) -> None:
        await yard.send("1")
        await yard.runs.start(record := await yard.leased())
        await yard.site.let_pass(timedelta(minutes=2))
        lanes = Lanes(yard.site.store, (yard.site.tenant,))
        chunks = TemporalChunks(always(yard.client), yard.prefix)
        assert await CommandSweeper(yard.site.store, lanes, chunks, yard.runs).sweep() == 0
        assert await yard.site.ended() == []
        async with yard.worker():
            await yard.runs.over(record)
        assert (await yard.stand("1")).state is S.COMPLETED


class TestPromoted:
    async def test_what_failed_goes_on_alone_and_can_be_canceled(self, yard: Yard) -> None:
        yard.builds.ways["1"] = [OSError(), for_ever]
        record = await yard.send("1", kind="works.fetch")
        async with yard.worker() as lasting, yard.relay():
            await yard.until(S.RETRY_WAIT, "1")
            await yard.site.let_pass(timedelta(minutes=2))
            await yard.called(2)
            await yard.site.send("2", type="works.fetch")
            await yard.until(S.COMPLETED, "2")
            await ask(yard.site, await yard.stand("1"))
            await yard.until(S.CANCELED, "1")
            await lasting.drain(timedelta())
            await yard.runs.over(record)

    async def test_one_that_is_sent_alone_is_waited_for_by_its_workflow(self, yard: Yard) -> None:
        record = await yard.send("1", kind="works.write", alone=True)
        async with yard.worker(), yard.relay():
            await asked_outcome(yard.client, record, 60, yard.prefix)
            assert ((await yard.stand("1")).state, await yard.site.effects()) == (S.COMPLETED, ["1"])
            await yard.runs.over(record)
            told = await yard.client.get_workflow_handle(record.workflow_id).describe()
        assert await told.static_summary() == "works.write 1"


class TestOutcome:
    @pytest.mark.req("CB-52")
    async def test_two_who_wait_for_one_are_told_the_same(self, yard: Yard) -> None:
        record = await yard.send("1")
        async with yard.worker():
            waiting = [asyncio.create_task(asked_outcome(yard.client, record, 60, yard.prefix)) for _ in range(2)]
            await seen(lambda: yard.runs.alive(record))
            async with yard.relay():
                await asyncio.gather(*waiting)
            assert (await yard.stand("1")).state is S.COMPLETED
            await yard.runs.over(record)
        assert yard.builds.calls == ["works/1:1"]

    @pytest.mark.req("CB-52")
    async def test_what_cannot_be_executed_any_more_is_refused_at_once(self, yard: Yard) -> None:
        late = datetime.now(UTC) - timedelta(minutes=1)
        record = await yard.send("1", expires_at=late)
        async with yard.worker():
            with pytest.raises(WorkflowUpdateFailedError) as refused:
                await asked_outcome(yard.client, record, 60, yard.prefix)
        refusal = refusal_of(refused.value)
        assert isinstance(refusal, WillNotRun)
        assert refusal.facts == {"command": "works/1", "why": "expired"}
        del yard.seen["1"]

    async def test_who_waits_longer_than_they_have_is_answered_all_the_same(self, yard: Yard) -> None:
        yard.builds.ways["1"] = [for_ever]
        record = await yard.send("1")
        async with yard.worker() as lasting, yard.relay():
            await yard.called()
            await asked_outcome(yard.client, record, 0.1, yard.prefix)
            assert (await yard.stand("1")).state is S.RUNNING
            await ask(yard.site, record)
            await yard.until(S.CANCELED, "1")
            await lasting.drain(timedelta())


class TestStandalone:
    async def test_without_a_workflow_it_is_executed_once_as_well(self, yard: Yard) -> None:
        await yard.site.send("1", type="works.build")
        yard.builds.ways["1"] = [OSError()]
        async with yard.worker(), yard.relay(yard.standalone):
            await yard.until(S.COMPLETED, "1")
        assert yard.builds.calls == ["works/1:1"] * 2
        assert yard.builds.reached == [None, {"attempt": 1}]

    async def test_started_again_it_is_carried_out_once(self, yard: Yard) -> None:
        await yard.site.send("1", type="works.build")
        record = await yard.leased()
        yard.seen.clear()
        assert not await yard.standalone.alive(record)
        for _ in range(2):
            await yard.standalone.start(record)
        assert await yard.standalone.alive(record)
        async with yard.worker():
            await yard.standalone.over(record)
            await yard.standalone.start(record)
        assert not await yard.standalone.alive(record)
        assert yard.builds.calls == ["works/1:1"]
