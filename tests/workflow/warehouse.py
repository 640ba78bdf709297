"""Commands that are parked, decided about in bulk by root, and executed: the real parts, on the real servers."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Replayer, Worker

from activities.approvals import ApprovalActivities
from activities.bulks import BulkActivities
from adapters.identity.assertions import SignedActs
from adapters.postgres.store import PostgresStore
from adapters.temporal.client import always
from adapters.temporal.processes import TemporalProcesses
from adapters.temporal.worker import WORKFLOWS, sandbox
from application.acting import Acting
from application.approvals import Approvals, VoteWish
from application.balloting import Balloting
from application.bulks.asking import BulkWish
from application.bulks.cases import BulkCases
from application.ports.parked import ParkedFilter
from domain.approvals import Answer
from domain.commands import OVER, CommandError, CommandRecord, CommandState, ParkedKind
from domain.commands.bulk import Bulk, BulkAct, BulkDecision, BulkItem, BulkState, ItemOutcome, Pace
from domain.commands.operations import Act
from domain.people import Actor
from tests.conftest import House
from tests.workflow.record import kept
from tests.workflow.theatre import known, now, seen
from tests.works import Site

WHY = "because of the story"
BROKEN = CommandError("permanent", "no-account", "there is no such account", None, "f-account")
QUICK = Pace(per_second=500, settle_seconds=60)


@dataclass
class Warehouse:
    site: Site
    house: House
    client: Client
    queue: str
    assertions: SignedActs = field(default_factory=lambda: SignedActs(Ed25519PrivateKey.generate(), now))
    asked: list[Bulk] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store: PostgresStore = self.site.store
        self.processes = TemporalProcesses(always(self.client), self.queue)
        self.bulks = BulkCases.over(self.store, self.processes)
        self.approvals = Approvals(self.store, self.processes, Acting(self.store, self.assertions, now))

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[None]:
        """One that carries bulk operations out, and one that executes commands."""
        kinds = [BulkActivities(self.bulks.carrying), ApprovalActivities(Balloting(self.store, self.assertions))]
        methods = [getattr(kind, name) for kind in kinds for name in dir(kind) if not name.startswith("_")]
        worker = Worker(
            self.client, task_queue=self.queue, workflows=WORKFLOWS, workflow_runner=sandbox(),
            activities=[each for each in methods if hasattr(each, "__temporal_activity_definition")],
        )  # fmt: skip
        async with worker, self.executing():
            yield

    @asynccontextmanager
    async def executing(self) -> AsyncIterator[None]:
        """What is due."""
        executing = asyncio.create_task(self._execute())
        try:
            yield
        finally:
            executing.cancel()
            await asyncio.gather(executing, return_exceptions=True)

    async def _execute(self) -> None:
        while True:
            if not await self.site.execute():
                await asyncio.sleep(0.05)

    async def park(self, *ids: str, error: CommandError = BROKEN, type: str = "works.write") -> None:  # noqa: A002 -- its name
        """In one transaction, so that nobody else executes them."""
        async with self.store.transaction(self.site.tenant) as tx:
            await tx.commands.add([self.site.sent(each, tx.now, type) for each in ids])
            leased = await tx.commands.lease("works", len(ids), tx.now + timedelta(minutes=1), uuid4())
            assert {each.command.id for each in leased} == {*ids}
            begun = await tx.commands.save([each.started() for each in leased])
            await tx.commands.save([each.parked_as(ParkedKind.PERMANENT, error) for each in begun])

    # --- what people do

    async def ask(self, by: Actor | None = None, act: Act = Act.RETRY, **facts: Any) -> Bulk:
        wanted, new = facts.pop("wanted", ParkedFilter(domain="works")), facts.pop("new", uuid4())
        decision = BulkDecision(act, WHY, {"domain": wanted.domain}, **{"pace": QUICK, **facts})
        bulk = await self.bulks.asking.ask(by or self.house.root, BulkWish(new, decision, wanted))
        self.asked.append(bulk)
        return bulk

    async def act(self, bulk: Bulk, act: BulkAct) -> Bulk:
        seen_ = await self.bulk(bulk)
        entry = (uuid4(), act, WHY)
        return (await self.bulks.operating.act(self.house.root, bulk.id, seen_.version, entry)).bulk

    async def vote(self, bulk: Bulk, voter: Actor, answer: Answer = Answer.APPROVE) -> None:
        approval: UUID | None = bulk.approval
        assert approval is not None
        await seen(lambda: known(self.client.get_workflow_handle(f"approval/{approval}")))
        await self.approvals.vote(voter, approval, VoteWish(answer, WHY))

    # --- what happens

    def handle(self, bulk: Bulk) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(bulk.workflow_id)

    async def bulk(self, bulk: Bulk) -> Bulk:
        return (await self.bulks.looking.get(self.house.root, bulk.id)).bulk

    async def until(self, bulk: Bulk, look: Any) -> Bulk:
        """Until it stands so: in a state, or as `look` says."""

        async def reached() -> Bulk | None:
            found = await self.bulk(bulk)
            fits = found.state is look if isinstance(look, BulkState) else look(found)
            return found if fits else None

        found = await seen(reached)
        assert isinstance(found, Bulk)
        return found

    async def rests(self, bulk: Bulk, state: BulkState) -> Bulk:
        """Its workflow has ended, and says what the database holds."""
        result = await self.handle(bulk).result()
        found = await self.bulk(bulk)
        assert (result["state"], result["why"]) == (found.state.value, found.why)
        assert found.state is state, found
        return found

    async def none_goes_on(self, *ids: str) -> None:
        """What was retried of these has come somewhere: nothing of it is leased by whoever parks others."""

        async def rest() -> bool:
            states = {each.state for each in await self.site.stands(*ids)}
            return states <= {*OVER, CommandState.PARKED}

        await seen(rest)

    async def outcomes(self, bulk: Bulk) -> dict[str, int]:
        view = await self.bulks.looking.get(self.house.root, bulk.id)
        return {each.value: count for each, count in view.outcomes.items()}

    async def items(self, bulk: Bulk, outcome: ItemOutcome | None = None) -> list[BulkItem]:
        return await self.bulks.looking.items(self.house.root, bulk.id, outcome, 0, 10_000)

    async def stands(self, *ids: str) -> Counter[tuple[str, int]]:
        records: list[CommandRecord] = await self.site.stands(*ids)
        return Counter((each.state.value, each.epoch) for each in records)

    async def replayed(self) -> None:
        replayer = Replayer(
            workflows=WORKFLOWS, workflow_runner=sandbox(), data_converter=self.client.data_converter
        )  # fmt: skip
        for bulk in self.asked:
            if await known(self.handle(bulk)):
                history = await self.handle(bulk).fetch_history()
                await replayer.replay_workflow(history)
                kept("bulk", history)
