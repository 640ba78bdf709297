"""Closes and reopenings whose process is ended from outside go on where the database stands, and nobody asks for it."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from adapters.postgres.store import PostgresStore
from application.approvals import VoteWish
from application.fences.cases import FenceCases
from application.fences.modules import ModuleWish
from application.period_recovery import PeriodRecovery
from application.ports.fences import FenceFilter
from application.ports.records import Waiting
from application.ports.recovery import OpenPeriod
from application.reopenings.asking import AskWish
from application.sweeping import Sweeper
from application.tenants import Tenants
from domain.approvals import Answer
from domain.closures import Act, ClosureRun, Reopening, ReopeningState, RunState, TaskState
from domain.errors import Unavailable
from domain.people import PrincipalKind, Role
from domain.periods import Posting
from tests.conftest import House
from tests.contract.fencing import said
from tests.workflow.office import WHY, Office
from tests.workflow.theatre import known, now, seen


class Own(PostgresStore):
    """Finds what this house has left open, and not what other tests have."""

    house: UUID

    async def open_periods(self) -> list[OpenPeriod]:
        return [each for each in await super().open_periods() if each.tenant == self.house]

    async def waiting(self) -> list[Waiting]:
        return [each for each in await super().waiting() if each.tenant == self.house]


@dataclass
class Found:
    """An office with a worker, and the loops that look for what was lost."""

    office: Office
    begun: dict[str, str] = field(default_factory=dict)

    async def terminated(self, *names: str) -> None:
        for name in names:
            self.begun[name] = (await self.office.client.get_workflow_handle(name).describe()).run_id
        for name in names:
            await _terminated(self.office.client.get_workflow_handle(name, run_id=self.begun[name]))

    async def back(self, name: str) -> None:
        """Another process of this name runs."""

        async def runs() -> bool:
            handle = self.office.client.get_workflow_handle(name)
            if not await known(handle):
                return False
            there = await handle.describe()
            return there.status is WorkflowExecutionStatus.RUNNING and there.run_id != self.begun.get(name)

        await seen(runs)

    async def asked(self, run: ClosureRun) -> str:
        return f"approval/{await self.office.asked(run)}"

    async def closed_once(self, run: ClosureRun) -> None:
        """With every step in the timeline once, and one certificate."""
        assert await self.office.end(run) is RunState.CLOSED
        view = await self.office.view(run)
        names = [line.step for line in view.timeline]
        assert len(names) == len(set(names))
        states = [line.to_state for line in view.timeline if line.from_state is not line.to_state]
        assert states.count(RunState.CLOSING) == 1
        async with self.office.store.transaction(run.tenant) as tx:
            assert len(await tx.closures.certificates(run.entity, run.period)) == 1


async def _terminated(handle: WorkflowHandle[Any, Any]) -> None:
    """It may have ended already, with the process that began it."""
    try:
        await handle.terminate("by hand")
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise


@pytest_asyncio.fixture
async def found(house: House, engine: AsyncEngine, client: Client) -> AsyncIterator[Found]:
    store = Own(engine)
    store.house = house.id
    office = Office(house, store, client, f"q-{secrets.token_hex(4)}")
    await office.settle_in()
    loops = [
        asyncio.create_task(each.run())
        for each in (PeriodRecovery(store, office.processes, pause=0.3), Sweeper(store, office.processes, pause=0.3))
    ]
    async with office.worker():
        yield Found(office)
    for loop in loops:
        loop.cancel()
        with suppress(asyncio.CancelledError):
            await loop
    await office.replayed()


class TestClosures:
    @pytest.mark.req("FP56")
    async def test_terminated_among_its_tasks(self, found: Found) -> None:
        office = found.office
        await office.template(office.task("first"), office.task("second", after=["first"]))
        run, ada = await office.start(template="monthly"), office.house.ada
        await office.until(run, RunState.TASKS)
        await office.act(ada, run, Act.COMPLETE_TASK, "first")
        await found.terminated(run.workflow_id)
        await found.back(run.workflow_id)
        view = await office.act(ada, run, Act.COMPLETE_TASK, "second")
        assert [task.state for task in view.tasks] == [TaskState.DONE] * 2
        await office.vote(run, office.house.bob, office.house.cyd)
        await found.closed_once(run)

    @pytest.mark.req("FP56")
    @pytest.mark.parametrize("which", ["close", "vote", "both"])
    async def test_terminated_while_people_vote(self, found: Found, which: str) -> None:
        """Votes that were counted are kept."""
        office = found.office
        run = await office.start()
        approval = await found.asked(run)
        names = {"close": [run.workflow_id], "vote": [approval], "both": [run.workflow_id, approval]}[which]
        found.begun[approval] = (await office.client.get_workflow_handle(approval).describe()).run_id
        await office.vote(run, office.house.bob)
        await found.terminated(*names)
        await found.back(approval)
        await office.vote(run, office.house.cyd)
        await found.closed_once(run)

    async def test_terminated_when_it_was_rejected_it_ends_so(self, found: Found) -> None:
        office = found.office
        run = await office.start()
        approval = UUID((await found.asked(run)).removeprefix("approval/"))
        async with office.store.transaction(run.tenant) as tx:
            await tx.closures.get(run.id, lock=True)  # the close cannot take its next step
            await office.approvals.vote(office.house.bob, approval, VoteWish(Answer.REJECT, WHY))
            await found.terminated(run.workflow_id)
        await office.until(run, RunState.REJECTED)
        assert (await office.gates())["GL"].posting is Posting.ALL

    async def test_terminated_while_modules_freeze_it_hears_who_answered_meanwhile(self, found: Found) -> None:
        office, root = found.office, found.office.house.root
        fences = FenceCases.over(office.store)
        speaker = await Tenants(office.store).admit_principal(
            office.house.tenant, "stock", frozenset({Role.VIEWER}), issuer="tests", kind=PrincipalKind.SERVICE
        )
        await fences.modules.put(root, "GL-2", ModuleWish("Elsewhere", "GL", "stock"), expected=0, reason=WHY)
        run = await office.start()
        await office.until(run, RunState.FREEZING)
        (fence,) = await fences.looking.page(root, FenceFilter(outstanding=True), None, 9)
        await found.terminated(run.workflow_id)
        await fences.settling.acknowledge(speaker.actor, fence.id, said(fence.epoch))
        await office.vote(run, office.house.bob, office.house.cyd)
        await found.closed_once(run)

    async def test_that_never_reached_temporal(self, found: Found, monkeypatch: pytest.MonkeyPatch) -> None:
        office = found.office

        async def away(*_: object) -> None:
            raise Unavailable(part="temporal")

        with monkeypatch.context() as silent:
            silent.setattr(office.processes, "start_closure", away)
            run = await office.start()
        await office.vote(run, office.house.bob, office.house.cyd)
        await found.closed_once(run)


@dataclass
class Reopened:
    """January, which was closed, is to be opened again."""

    found: Found
    asked: Reopening

    @property
    def handle(self) -> WorkflowHandle[Any, Any]:
        return self.found.office.client.get_workflow_handle(self.asked.workflow_id)

    async def stands(self) -> Reopening:
        office = self.found.office
        return (await office.reopenings.looking.get(office.house.root, self.asked.id)).reopening

    async def until(self, state: ReopeningState) -> None:
        async def reached() -> bool:
            return (await self.stands()).state is state

        await seen(reached)

    async def vote(self, *handles: str) -> None:
        office = self.found.office
        for handle in handles:
            await office.approvals.vote(office.house.people[handle], self.asked.approval, VoteWish(Answer.APPROVE, WHY))


@pytest_asyncio.fixture
async def reopened(found: Found) -> Reopened:
    office = found.office
    run = await office.start()
    await office.vote(run, office.house.bob, office.house.cyd)
    await found.closed_once(run)
    until = (now() + timedelta(days=1)).isoformat()
    raw = {"reason": "late-invoice", "justification": "an invoice of January came in May", "reopen_until": until}
    asked = await office.reopenings.asking.ask(office.house.root, AskWish(uuid4(), office.entity, "2025-01", raw))
    await found.back(f"approval/{asked.approval}")
    return Reopened(found, asked)


class TestReopenings:
    @pytest.mark.parametrize("ended", ["terminate", "cancel"])
    async def test_ended_in_its_window(self, reopened: Reopened, ended: str) -> None:
        """It opens nothing twice, and is shut and certified anew as if nothing had happened."""
        found, asked = reopened.found, reopened.asked
        await reopened.vote("bob", "cyd")
        await reopened.until(ReopeningState.OPEN)
        gate = (await found.office.gates())["GL"]
        found.begun[asked.workflow_id] = (await reopened.handle.describe()).run_id
        await (reopened.handle.terminate() if ended == "terminate" else reopened.handle.cancel())
        await found.back(asked.workflow_id)
        assert (await found.office.gates())["GL"] == gate
        await found.office.reopenings.shutting.shut(found.office.house.root, asked.id, WHY)

        async def certified() -> bool:
            stands = await reopened.stands()
            return stands.closure is not None or bool(stands.recertified)

        await seen(certified)

    async def test_terminated_while_people_vote(self, reopened: Reopened) -> None:
        found, approval = reopened.found, f"approval/{reopened.asked.approval}"
        await reopened.vote("bob")
        await found.terminated(reopened.asked.workflow_id, approval)
        await found.back(approval)
        await reopened.vote("cyd")
        await reopened.until(ReopeningState.OPEN)
