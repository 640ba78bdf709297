"""Processes are carried on by workflows on the real Temporal, and their commands by the real executor."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.worker import Replayer

from activities.sagas import SagaActivities
from adapters.embedded.stack import Stack
from adapters.postgres.store import PostgresStore
from adapters.temporal.client import always, connect
from adapters.temporal.sagas import TemporalSagas, saga_worker
from adapters.temporal.worker import sandbox
from application.commands.acts import Acts
from application.sagas.acts import SagaActs
from application.sagas.carrying import CarryingSagas
from application.sagas.relaying import SagaRelay
from application.sagas.starting import Starting
from domain.commands import CommandState
from domain.commands.operations import Act, Decision
from domain.commands.outcomes import BusinessRule, Permanent
from domain.sagas import Saga, SagaState
from domain.sagas.operations import SagaAct, SagaDecision
from tests.conftest import House
from tests.sagas import BOOK, TRIP, OwnSagas, ids, stood, wish
from tests.workflow.record import kept
from tests.workflow.theatre import seen
from tests.works import SCHEMA, Site
from worker import ended
from workflows.saga import SagaWorkflow

S = SagaState
WHY = "the guests do not come"


@dataclass
class Agency:
    """Who carries the processes of one tenant on; what was carried out is replayed at the end."""

    house: House
    site: Site
    client: Client
    address: str
    runs: TemporalSagas
    started: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def at_work(self, *, executes: bool = True) -> AsyncIterator[None]:
        carrying = SagaActivities(CarryingSagas(self.site.store, BOOK))
        client = await connect(self.address)  # two workers of one client may not have one queue
        lanes: Any = OwnSagas(self.site.store, self.house.id)
        relay = SagaRelay(lanes, self.runs, BOOK, pause=0.05)
        async with saga_worker(client, carrying, self.runs.queue("works")):
            loops = [asyncio.create_task(relay.run())]
            loops += [asyncio.create_task(self._execute())] if executes else []
            try:
                yield
            finally:
                for each in loops:
                    await ended(each)

    async def start(self, id: str = "42", **data: Any) -> Saga:  # noqa: A002 -- the process's
        await self.site.store.put_process_types(BOOK.types())
        await self.site.store.put_command_types(self.site.handlers.types())
        saga = (await Starting(self.site.store).start(self.house.ada, wish(id, **data))).saga
        self.started.append(saga.workflow_id)
        return saga

    async def stand(self, id: str = "42") -> Saga:  # noqa: A002 -- the process's
        async with self.site.store.transaction(self.house.id) as tx:
            found = await tx.sagas.get((TRIP, id))
        assert found is not None
        return found

    async def until(self, *states: SagaState, id: str = "42") -> Saga:  # noqa: A002 -- the process's
        async def there() -> Saga | None:
            found = await self.stand(id)
            return found if found.state in states else None

        found: Saga = await seen(there)
        return found

    async def decide(self, act: SagaAct) -> None:
        version = (await self.stand()).version
        decision = SagaDecision(act, WHY)
        await SagaActs(self.site.store).decide(self.house.olu, (TRIP, "42"), version, uuid4(), decision)

    async def decide_command(self, act: Act, step: str) -> None:
        (name,) = ids(step)
        record = await self.site.stand(name)
        decision = Decision(act, WHY)
        await Acts(self.site.store).decide(self.house.olu, record.key, record.version, uuid4(), decision)

    def goes_wrong(self, step: str, *ways: Exception) -> None:
        self.site.works.ways[ids(step)[0]] = list(ways)

    async def over(self) -> None:
        """Its workflow has ended as well."""
        handle = self.client.get_workflow_handle(self.started[-1])

        async def gone() -> bool:
            return (await handle.describe()).status is not WorkflowExecutionStatus.RUNNING

        await seen(gone)

    async def _execute(self) -> None:
        while True:
            await self.site.execute()
            await asyncio.sleep(0.02)


@pytest_asyncio.fixture
async def agency(
    house: House, store: PostgresStore, client: Client, stack: Stack, database_url: str
) -> AsyncIterator[Agency]:
    owner = await asyncpg.connect(stack.endpoints.database_superuser_url)
    await owner.execute(SCHEMA)
    runs = TemporalSagas(always(client), f"q-{secrets.token_hex(4)}")
    made = Agency(house, Site(house.id, store, owner), client, stack.endpoints.temporal_address, runs)
    yield made
    await owner.close()
    replayer = Replayer(workflows=[SagaWorkflow], workflow_runner=sandbox(), data_converter=client.data_converter)
    for name in made.started:
        history = await client.get_workflow_handle(name).fetch_history()
        await replayer.replay_workflow(history)
        kept("process", history)


class TestForth:
    @pytest.mark.req("S057")
    async def test_each_step_is_sent_when_the_one_before_is_done(self, agency: Agency) -> None:
        started = await agency.start()
        async with agency.at_work():
            done = await agency.until(S.COMPLETED)
            await agency.over()
        assert set(stood(done).values()) == {"completed"}
        assert done.results == {"book": {"wrote": "kit"}, "pay": {"wrote": "kit paid"}, "tell": {"wrote": "kit paid"}}
        records = await agency.site.stands(*ids("book", "pay", "tell"))
        book, pay, tell = (each.command.options for each in records)
        assert {book.correlation, pay.correlation, tell.correlation} == {started.correlation}
        assert (book.causation, pay.causation) == (None, f"works/{ids('book')[0]}")
        assert {each.sender for each in records} == {agency.house.ada.id}
        assert tell.causation == f"works/{ids('pay')[0]}"

    @pytest.mark.req("S058")
    async def test_a_parked_step_waits_for_a_person_and_then_it_goes_on(self, agency: Agency) -> None:
        agency.goes_wrong("pay", Permanent("no-account", "the bank does not know it"))
        await agency.start()
        async with agency.at_work():
            waits = await agency.until(S.WAITING_FOR_TSQ)
            assert (stood(waits)["pay"], waits.step("pay").why) == ("parked", "permanent")
            await agency.decide_command(Act.RETRY, "pay")
            await agency.until(S.COMPLETED)
            await agency.over()
        assert await agency.site.effects() == ids("book", "pay", "tell")

    async def test_its_history_holds_names_and_states_alone(self, agency: Agency) -> None:
        await agency.start(words="between us")
        async with agency.at_work():
            await agency.until(S.COMPLETED)
            await agency.over()
        handle = agency.client.get_workflow_handle(agency.started[0])
        told = (await handle.fetch_history()).to_json()
        assert TRIP in told
        assert "between us" not in told
        described = await handle.describe()
        assert described.typed_search_attributes is not None
        shown = {pair.key.name: pair.value for pair in described.typed_search_attributes}
        assert (shown["State"], shown["TargetKey"], shown["Requester"]) == ("completed", f"{TRIP}/42", "ada")


class TestBack:
    @pytest.mark.req("S062")
    async def test_what_was_done_is_undone_in_reverse_when_a_step_fails(self, agency: Agency) -> None:
        agency.goes_wrong("tell", BusinessRule("nobody-there", "nobody wants to hear it"))
        await agency.start()
        async with agency.at_work():
            back = await agency.until(S.COMPENSATED)
            await agency.over()
        assert stood(back) == {"book": "undone", "pay": "undone", "tell": "failed"}
        assert back.why == "tell: nobody-there"
        refund, unbook = await agency.site.stands(*ids("pay:undo", "book:undo"))
        assert refund.ended_at is not None
        assert refund.ended_at <= unbook.sent_at
        assert refund.command.payload == {"words": "kit paid"}
        assert refund.command.options.causation == f"works/{ids('pay')[0]}"

    @pytest.mark.req("S063")
    async def test_what_cannot_be_undone_holds_up_nothing_and_is_tried_again_by_a_person(self, agency: Agency) -> None:
        agency.goes_wrong("tell", BusinessRule("nobody-there"))
        agency.goes_wrong("pay:undo", BusinessRule("bank-says-no"))
        await agency.start()
        async with agency.at_work():
            left = await agency.until(S.COMPENSATION_FAILED)
            await agency.over()
            assert stood(left) == {"book": "undone", "pay": "undo-failed", "tell": "failed"}
            await agency.decide(SagaAct.RETRY)
            await agency.until(S.COMPENSATED)
            await agency.over()
        (again,) = await agency.site.stands(*ids("pay:undo2"))
        assert again.state is CommandState.COMPLETED

    async def test_one_that_is_parked_on_the_way_back_is_waited_for_at_the_end(self, agency: Agency) -> None:
        agency.goes_wrong("tell", BusinessRule("nobody-there"))
        agency.goes_wrong("pay:undo", Permanent("bank-asleep"))
        await agency.start()
        async with agency.at_work():
            waits = await agency.until(S.WAITING_FOR_TSQ)
            assert stood(waits) == {"book": "undone", "pay": "undo-parked", "tell": "failed"}
            await agency.decide_command(Act.RETRY, "pay:undo")
            await agency.until(S.COMPENSATED)

    @pytest.mark.req("S064")
    async def test_stopped_by_a_person_what_waits_is_not_executed_and_the_rest_undone(self, agency: Agency) -> None:
        agency.goes_wrong("pay", Permanent("no-account"))
        await agency.start()
        async with agency.at_work():
            await agency.until(S.WAITING_FOR_TSQ)
            await agency.decide(SagaAct.CANCEL)
            back = await agency.until(S.COMPENSATED)
        assert stood(back) == {"book": "undone", "pay": "failed", "tell": "waiting"}
        pay = await agency.site.stand(ids("pay")[0])
        assert (pay.state, pay.error and pay.error.code) == (CommandState.CANCELED, "process-canceled")

    @pytest.mark.req("S065")
    async def test_a_step_whose_time_is_up_is_not_done_any_more(self, agency: Agency) -> None:
        agency.goes_wrong("pay", Permanent("no-account"))
        await agency.start(patience=1)
        async with agency.at_work():
            back = await agency.until(S.COMPENSATED)
        assert back.why == "pay: timed-out"
        assert (await agency.site.stand(ids("pay")[0])).state is CommandState.CANCELED

    async def test_a_command_that_cannot_be_said_is_a_step_that_failed(self, agency: Agency) -> None:
        await agency.start(broken="pay")
        async with agency.at_work():
            back = await agency.until(S.COMPENSATED)
        assert back.why == "pay: KeyError"
        assert await agency.site.effects() == ids("book", "book:undo")

    async def test_cancelled_in_temporal_it_goes_back(self, agency: Agency) -> None:
        agency.goes_wrong("pay", Permanent("no-account"))
        saga = await agency.start()
        async with agency.at_work():
            await agency.until(S.WAITING_FOR_TSQ)
            await agency.client.get_workflow_handle(saga.workflow_id).cancel()
            back = await agency.until(S.COMPENSATED)
            await agency.over()
        assert back.why == "workflow_cancelled"


class TestLost:
    async def test_whose_workflow_was_terminated_goes_on_when_its_command_ends(self, agency: Agency) -> None:
        saga = await agency.start()
        async with agency.at_work(executes=False):
            await agency.until(S.WAITING_FOR_REPLY)
            await agency.client.get_workflow_handle(saga.workflow_id).terminate()
        async with agency.at_work():
            await agency.until(S.COMPLETED)
            await agency.over()
        assert await agency.site.effects() == ids("book", "pay", "tell")

    async def test_a_long_one_goes_on_in_a_new_run(self, agency: Agency) -> None:
        agency.runs = TemporalSagas(always(agency.client), f"q-{secrets.token_hex(4)}", most_events=5)
        await agency.start()
        async with agency.at_work():
            await agency.until(S.COMPLETED)
            await agency.over()
        assert await agency.site.effects() == ids("book", "pay", "tell")
