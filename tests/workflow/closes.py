"""A close plays on the real Temporal; what its books say is written down beforehand, and votes are really counted."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest_asyncio
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.worker import Replayer, Worker

from activities.approvals import ApprovalActivities
from activities.closures import ClosureActivities
from activities.rollouts import RolloutActivities
from adapters.memory.store import MemoryStore
from adapters.temporal.client import always
from adapters.temporal.processes import TemporalProcesses
from adapters.temporal.worker import WORKFLOWS, build_worker, sandbox
from domain.approvals import Answer
from domain.closures import Act, ClosureRun, Mode, RunState
from tests.workflow.record import kept
from tests.workflow.scripted_books import DIGEST, ScriptedBooks
from tests.workflow.theatre import Clock, known, seen
from tests.world import Clock as Still
from tests.world import World, world_in

STRAIGHT = ["look", "precheck", "freeze", "frozen", "validate", "ask for approval"]
"""The steps of a close in which nothing is in the way, up to the vote."""


@dataclass
class Close:
    """One close of one period; its histories are replayed when the story is over."""

    world: World
    client: Client
    queue: str
    entity: str = field(default_factory=lambda: f"kit-{secrets.token_hex(4)}")
    run: ClosureRun = field(init=False)
    books: ScriptedBooks = field(init=False)

    def __post_init__(self) -> None:
        self.processes = TemporalProcesses(always(self.client), self.queue)
        self.again()

    def again(self, attempt: int = 1) -> None:
        """The next attempt at the same period, with new books."""
        self.run = ClosureRun(
            id=uuid4(), tenant=self.world.tenant.id, entity=self.entity, period=uuid4(), period_code="2025-03",
            scopes=("GL",), mode=Mode.HARD, attempt=attempt, requester=self.world.ada.id, state=RunState.INITIATED,
            opened_at=datetime.now(UTC),
        )  # fmt: skip
        self.books = ScriptedBooks(self.world, self.run)

    def worker(self) -> Worker:
        world = self.world
        rollouts = RolloutActivities(world.progression, world.gating, world.controlling, world.admitting)
        approvals = ApprovalActivities(world.balloting)
        closures = ClosureActivities(self.books.cases())
        return build_worker(self.client, approvals, rollouts, self.queue, more=[closures])

    async def start(self) -> None:
        await self.processes.start_closure(self.run, "ada")

    @property
    def handle(self) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(self.run.workflow_id)

    async def approval(self) -> UUID:
        """Once its process is there."""

        async def there() -> UUID | None:
            asked = self.books.stand.asked
            if asked is None:
                return None
            handle = self.client.get_workflow_handle(f"approval/{asked.approval}")
            return asked.approval if await known(handle) else None

        found = await seen(there)
        assert isinstance(found, UUID)
        return found

    async def vote(self, *handles: str, answer: Answer = Answer.APPROVE) -> None:
        approval = await self.approval()
        for handle in handles:
            who = self.world.people[handle]
            body = {"reason": "because of the story", "behalf": None}
            signed = await self.world.acting.sign(who, answer.value, approval, body, digest=DIGEST)
            await self.processes.vote(approval, answer, who.id, signed)

    async def act(self, handle: str, act: Act, task: str | None = None) -> None:
        who = self.world.people[handle]
        signed = await self.world.acting.sign(who, act.value, self.run.id, {})
        await self.processes.closure_act(self.run, act, who.id, signed, task)

    async def skip(self, **by: float) -> bool:
        return await Clock(self.client).skip(self.run.workflow_id, timedelta(**by))

    async def skip_approval(self, **by: float) -> bool:
        return await Clock(self.client).skip(f"approval/{await self.approval()}", timedelta(**by))

    async def until(self, state: RunState) -> None:
        """Wait until its workflow has heard that it stands there."""

        async def reached() -> bool:
            return await known(self.handle) and (await self.handle.query("status"))["state"] == state.value

        await seen(reached)

    async def end(self) -> RunState:
        result = await self.handle.result()
        assert RunState(result["state"]) is self.books.stand.state
        return self.books.stand.state

    async def events(self) -> int:
        return len((await self.handle.fetch_history()).events)

    async def open(self) -> bool:
        return (await self.handle.describe()).status is WorkflowExecutionStatus.RUNNING

    async def replayed(self) -> None:
        replayer = Replayer(
            workflows=WORKFLOWS, workflow_runner=sandbox(), data_converter=self.client.data_converter
        )  # fmt: skip
        if await known(self.handle):
            history = await self.handle.fetch_history()
            await replayer.replay_workflow(history)
            kept("closure", history)


@pytest_asyncio.fixture
async def close(client: Client) -> AsyncIterator[Close]:
    """Without a worker: the story starts and stops its own."""
    still = Still()
    story = Close(await world_in(MemoryStore(still), still), client, f"q-{secrets.token_hex(4)}")
    yield story
    await story.replayed()


@pytest_asyncio.fixture
async def staffed(close: Close) -> AsyncIterator[Close]:
    async with close.worker():
        yield close
