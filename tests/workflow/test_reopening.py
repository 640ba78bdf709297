"""A closed period is opened by votes, takes entries until its window ends, and is certified anew by a close."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.worker import Replayer, Worker

from activities.approvals import ApprovalActivities
from activities.closures import ClosureActivities
from activities.reopenings import ReopeningActivities
from activities.rollouts import RolloutActivities
from adapters.holidays.listed import ListedHolidays
from adapters.memory.store import MemoryStore
from adapters.temporal.client import always
from adapters.temporal.processes import TemporalProcesses
from adapters.temporal.worker import WORKFLOWS, build_worker, sandbox
from application.closures.cases import ClosureCases
from application.ports.records import WaitingKind
from application.reopenings.asking import start_waiting_reopening
from application.reopenings.cases import ReopeningCases
from domain.approvals import Answer
from domain.closures import Reopening, ReopeningState, RunState
from domain.periods import NotAdjustable, PeriodClosed
from tests.closes import ENTITY, MARCH
from tests.closes import Close as Books
from tests.reopenings import WHY, Window
from tests.workflow.record import kept
from tests.workflow.theatre import Clock, known, now, seen
from tests.world import Clock as Still
from tests.world import world_in

APRIL = "2025-04"


@dataclass
class Reopened:
    """March was closed; whatever is asked of it from now on plays on the real Temporal, over books in memory."""

    window: Window
    client: Client
    queue: str

    def __post_init__(self) -> None:
        world, books = self.window.world, self.window.close
        self.processes = TemporalProcesses(always(self.client), self.queue)
        books.cases = ClosureCases.over(world.store, self.processes, world.assertions, ListedHolidays())
        self.window.cases = ReopeningCases.over(world.store, self.processes, books.cases.starting)

    def worker(self) -> Worker:
        world = self.window.world
        rollouts = RolloutActivities(world.progression, world.gating, world.controlling, world.admitting)
        more = [ClosureActivities(self.window.close.cases), ReopeningActivities(self.window.cases)]
        return build_worker(self.client, ApprovalActivities(world.balloting), rollouts, self.queue, more=more)

    @property
    def handle(self) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(f"period-reopen/{self.window.world.tenant.id}/{self.window.id}")

    async def vote(self, approval: UUID, *handles: str, answer: Answer = Answer.APPROVE) -> None:
        world = self.window.world
        await seen(lambda: known(self.client.get_workflow_handle(f"approval/{approval}")))
        async with world.store.transaction(world.tenant.id) as tx:
            asked = await tx.approvals.get(approval)
        assert asked is not None
        for handle in handles:
            who = world.people[handle]
            body = {"reason": WHY, "behalf": None}
            signed = await world.acting.sign(who, answer.value, approval, body, digest=asked.digest)
            await self.processes.vote(approval, answer, who.id, signed)

    async def opened(self, **given: Any) -> Reopening:
        asked = await self.window.ask(**given)
        await self.vote(asked.approval, "bob", "cyd")
        return await self.until(ReopeningState.OPEN)

    async def until(self, state: ReopeningState) -> Reopening:
        async def reached() -> Reopening | None:
            stands = (await self.window.view()).reopening
            heard = await self.handle.query("status")
            return stands if stands.state is state and heard["state"] == state.value else None

        found = await seen(reached)
        assert isinstance(found, Reopening)
        return found

    async def end(self) -> tuple[str, str]:
        result = await self.handle.result()
        stands = (await self.window.view()).reopening
        assert result == {"state": stands.state.value, "why": stands.why}
        return result["state"], result["why"]

    async def begun(self, period: str = MARCH) -> UUID:
        """The close that certifies this period anew."""

        async def there() -> UUID | None:
            known = (await self.window.view()).reopening.recertified
            return next((each.closure for each in known if each.period == period), None)

        return UUID(str(await seen(there)))

    async def certified(self, period: str = MARCH) -> None:
        """With the votes that its close asks for."""
        await self.vote(await self.asked(period), "bob", "cyd")
        closed = await self.client.get_workflow_handle((await self.window.close.view()).run.workflow_id).result()
        assert closed["state"] == RunState.CLOSED.value

    async def asked(self, period: str = MARCH) -> UUID:
        """What the close of this period puts to the vote."""
        self.window.close.run_id = await self.begun(period)

        async def there() -> UUID | None:
            found = (await self.window.close.view()).run
            return found.approval if found.state is RunState.AWAITING_APPROVAL else None

        return UUID(str(await seen(there)))

    async def replayed(self) -> None:
        replayer = Replayer(
            workflows=WORKFLOWS, workflow_runner=sandbox(), data_converter=self.client.data_converter
        )  # fmt: skip
        if await known(self.handle):
            history = await self.handle.fetch_history()
            await replayer.replay_workflow(history)
            kept("reopening", history)


@pytest_asyncio.fixture
async def reopened(client: Client) -> AsyncIterator[Reopened]:
    still = Still(now())
    books = await Books(await world_in(MemoryStore(still), still)).settle()
    await books.books()
    await books.books("ledger", "GL")
    await books.closed()
    story = Reopened(Window(books), client, f"q-{secrets.token_hex(4)}")
    async with story.worker():
        yield story
    await story.replayed()


class TestWindow:
    @pytest.mark.req("FP68")
    async def test_takes_entries_until_its_end_and_is_certified_anew(self, reopened: Reopened) -> None:
        window = reopened.window
        with pytest.raises(PeriodClosed):
            await window.post()
        await reopened.opened()
        window.world.clock += timedelta(days=1, seconds=-1)
        await window.post()
        await window.close.books(entries=3)
        window.world.clock += timedelta(seconds=2)
        with pytest.raises(NotAdjustable):
            await window.post()
        await past(reopened)
        await reopened.begun()
        with pytest.raises(NotAdjustable):
            await window.post()
        await reopened.certified()
        assert await reopened.end() == ("ENDED", "certified")
        place = await window.close.place()
        async with window.close.transaction() as tx:
            first, second = await tx.closures.certificates(ENTITY, place.id)
        assert second.previous == first.digest
        assert [(each["module"], each["entries"]) for each in second.delta] == [("payables", 1)]

    async def test_somebody_may_shut_it_sooner(self, reopened: Reopened) -> None:
        await reopened.opened()
        await reopened.window.cases.shutting.shut(reopened.window.world.fin, reopened.window.id, WHY)
        await reopened.begun()
        with pytest.raises(NotAdjustable):
            await reopened.window.post()
        await reopened.certified()
        assert await reopened.end() == ("ENDED", "certified")

    async def test_ended_from_outside_it_goes_on_when_somebody_shuts_it(self, reopened: Reopened) -> None:
        window = reopened.window
        await reopened.opened()
        await reopened.handle.cancel()
        with pytest.raises(WorkflowFailureError):
            await reopened.handle.result()
        window.world.clock += timedelta(days=2)
        with pytest.raises(NotAdjustable):
            await window.post()
        await window.cases.shutting.shut(window.world.fin, window.id, WHY)
        window.world.clock += timedelta(minutes=1)
        (waiting,) = [row for row in await window.world.store.waiting() if row.kind is WaitingKind.REOPENING]
        await start_waiting_reopening(window.world.store, reopened.processes, waiting.tenant, waiting.id)
        await reopened.certified()
        assert await reopened.end() == ("ENDED", "certified")

    @pytest.mark.req("FP66", "FP68")
    async def test_a_cascade_is_closed_again_the_oldest_period_first(self, reopened: Reopened) -> None:
        window = reopened.window
        await window.close.open(APRIL)
        await window.close.gates("closed", APRIL)
        await reopened.opened(later="cascade", confirm_cascade=True)
        window.world.clock += timedelta(hours=1)
        await window.cases.shutting.shut(window.world.fin, window.id, WHY)
        for period in (MARCH, APRIL):
            await reopened.certified(period)
        assert await reopened.end() == ("ENDED", "certified")
        assert (await window.view()).uncertified == ()

    async def test_a_close_that_is_rejected_leaves_it_to_people(self, reopened: Reopened) -> None:
        await reopened.opened()
        await reopened.window.cases.shutting.shut(reopened.window.world.fin, reopened.window.id, WHY)
        approval = await reopened.asked()
        await reopened.vote(approval, "bob", answer=Answer.REJECT)
        assert await reopened.end() == ("ENDED", "rejected")
        with pytest.raises(NotAdjustable):
            await reopened.window.post()

    async def test_its_last_entry_shuts_it(self, reopened: Reopened) -> None:
        window = reopened.window
        await reopened.opened(most_entries=1)
        await window.post()
        with pytest.raises(NotAdjustable):
            await window.post("GL")
        (waiting,) = [row for row in await window.world.store.waiting() if row.kind is WaitingKind.REOPENING]
        await start_waiting_reopening(window.world.store, reopened.processes, waiting.tenant, waiting.id)
        await reopened.certified()
        assert await reopened.end() == ("ENDED", "certified")

    async def test_who_may_still_post_is_reminded_of_its_end(self, reopened: Reopened) -> None:
        window, days = reopened.window, timedelta(days=3)
        await reopened.opened(reopen_until=(window.world.clock() + days).isoformat())
        assert await Clock(reopened.client).skip(reopened.handle.id, days - timedelta(minutes=1))

        async def told() -> bool:
            history = await reopened.handle.fetch_history()
            names = [each.activity_task_scheduled_event_attributes.activity_type.name for each in history.events]
            return names.count("reopening.remind") == 2

        await seen(told)
        assert (await window.view()).reopening.state is ReopeningState.OPEN
        await window.cases.shutting.shut(window.world.fin, window.id, WHY)
        await reopened.certified()
        assert await reopened.end() == ("ENDED", "certified")


class TestVotes:
    async def test_rejected_it_opens_nothing(self, reopened: Reopened) -> None:
        asked = await reopened.window.ask()
        await reopened.vote(asked.approval, "bob", answer=Answer.REJECT)
        assert await reopened.end() == ("REJECTED", "rejected")
        with pytest.raises(PeriodClosed):
            await reopened.window.post()

    async def test_withdrawn_it_opens_nothing(self, reopened: Reopened) -> None:
        asked = await reopened.window.ask()
        await seen(lambda: known(reopened.client.get_workflow_handle(f"approval/{asked.approval}")))
        await reopened.window.cases.shutting.shut(reopened.window.world.fin, reopened.window.id, WHY)
        assert await reopened.end() == ("ABORTED", "withdrawn")


async def past(reopened: Reopened) -> None:
    """The window's end, on the clocks of Temporal."""
    stand = await reopened.handle.query("status")
    assert stand["open_until"] is not None
    await Clock(reopened.client).skip(reopened.handle.id, timedelta(days=1, minutes=1))
