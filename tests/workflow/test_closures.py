"""Closes on the real servers: tasks, votes and gates, and every way in which a close ends."""

import secrets
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from temporalio.client import Client

from adapters.postgres.store import PostgresStore
from application.closures.starting import RunningClose, start_waiting_closure
from domain.approvals import Answer, SelfApproval
from domain.audit import Action
from domain.closures import Act, RunOver, RunState, SodViolation, TaskBlocked, TaskState
from domain.errors import Unavailable
from domain.people import Role
from domain.periods import Posting, Status
from tests.conftest import House
from tests.workflow.office import Office


@pytest_asyncio.fixture
async def unmanned(house: House, store: PostgresStore, client: Client) -> AsyncIterator[Office]:
    office = Office(house, store, client, f"q-{secrets.token_hex(4)}")
    await office.settle_in()
    yield office
    await office.replayed()


@pytest_asyncio.fixture
async def office(unmanned: Office) -> AsyncIterator[Office]:
    async with unmanned.worker():
        yield unmanned


class TestClosed:
    async def test_its_gates_are_shut_and_a_certificate_says_so(self, office: Office) -> None:
        run = await office.start()
        await office.vote(run, office.house.bob, office.house.cyd)
        assert await office.end(run) is RunState.CLOSED
        gate = (await office.gates())["GL"]
        assert (gate.status, gate.posting) == (Status.CLOSED, Posting.NONE)
        found = (await office.view(run)).run
        assert found.certificate is not None
        assert found.certificate.epochs == {"GL": gate.epoch}
        timeline = (await office.view(run)).timeline
        assert [line.to_state for line in timeline if line.from_state is not line.to_state] == [
            RunState.INITIATED, RunState.PRECHECK, RunState.FREEZING, RunState.TASKS, RunState.VALIDATING,
            RunState.AWAITING_APPROVAL, RunState.CLOSING, RunState.NOTIFYING, RunState.CLOSED,
        ]  # fmt: skip

    @pytest.mark.req("FP50", "FP51")
    async def test_tasks_are_done_in_order_by_two_people(self, office: Office) -> None:
        cut_off = office.task("cut-off")
        bank = office.task("bank", kind="reconciliation", reviewer="bob", after=["cut-off"])
        await office.template(cut_off, bank)
        run, ada, bob = await office.start(template="monthly"), office.house.ada, office.house.bob
        await office.until(run, RunState.TASKS)
        balances = {"statement_balance": "10.00", "book_balance": "10.00"}
        with pytest.raises(TaskBlocked):
            await office.act(ada, run, Act.COMPLETE_TASK, "bank", **balances)
        await office.act(ada, run, Act.COMPLETE_TASK, "cut-off")
        await office.act(ada, run, Act.COMPLETE_TASK, "bank", **balances)
        with pytest.raises(SodViolation):
            await office.act(ada, run, Act.SIGN_OFF, "bank")
        view = await office.act(bob, run, Act.SIGN_OFF, "bank")
        assert {task.plan.key: task.state for task in view.tasks} == dict.fromkeys(("cut-off", "bank"), TaskState.DONE)
        await office.vote(run, office.house.cyd, office.house.dee)
        assert await office.end(run) is RunState.CLOSED

    async def test_no_word_and_no_amount_of_anybody_enters_the_history(self, office: Office) -> None:
        await office.template(office.task("bank", kind="reconciliation", instructions="call Mrs. Smith"))
        run = await office.start(template="monthly", reason="nobody else needs to know")
        await office.until(run, RunState.TASKS)
        said = {"reason": "the bank was late", "statement_balance": "4711.25", "book_balance": "4711.25"}
        await office.act(office.house.ada, run, Act.COMPLETE_TASK, "bank", **said)
        await office.vote(run, office.house.bob, office.house.cyd)
        assert await office.end(run) is RunState.CLOSED
        history = await office.handle(run).fetch_history()
        written = b"".join(event.SerializeToString() for event in history.events)
        for secret in (b"Smith", b"nobody else", b"bank was late", b"4711", b"because of the story"):
            assert secret not in written

    @pytest.mark.req("FP45")
    async def test_one_at_a_time_and_the_same_request_is_the_same_close(self, office: Office) -> None:
        await office.template(office.task("wait"))
        run = await office.start(template="monthly")
        with pytest.raises(RunningClose) as refused:
            await office.start()
        assert refused.value.facts["run"] == str(run.id)
        assert (await office.start(new=run.id)).id == run.id
        await office.act(office.house.root, run, Act.ABORT)
        assert await office.end(run) is RunState.ABORTED
        assert len([event for event in await office.audited(Action.CLOSURE_MOVED) if event["before"] is None]) == 1

    async def test_what_could_not_be_started_is_started_later(
        self, unmanned: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def away(*_: object) -> None:
            raise Unavailable(part="temporal")

        with monkeypatch.context() as silent:
            silent.setattr(unmanned.processes, "start_closure", away)
            run = await unmanned.start()
        await start_waiting_closure(unmanned.store, unmanned.processes, unmanned.house.id, run.id)
        async with unmanned.worker():
            await unmanned.vote(run, unmanned.house.bob, unmanned.house.cyd)
            assert await unmanned.end(run) is RunState.CLOSED

    async def test_terminated_it_goes_on_where_it_stood_with_the_next_act(self, office: Office) -> None:
        await office.template(office.task("first"), office.task("second", after=["first"]))
        run, ada = await office.start(template="monthly"), office.house.ada
        await office.until(run, RunState.TASKS)
        await office.act(ada, run, Act.COMPLETE_TASK, "first")
        await office.handle(run).terminate()
        view = await office.act(ada, run, Act.COMPLETE_TASK, "second")
        assert [task.state for task in view.tasks] == [TaskState.DONE] * 2
        await office.vote(run, office.house.bob, office.house.cyd)
        assert await office.end(run) is RunState.CLOSED
        names = [line.step for line in (await office.view(run)).timeline]
        assert len(names) == len(set(names))


class TestTakenBack:
    @pytest.mark.req("FP58")
    async def test_aborted_while_tasks_are_open(self, office: Office) -> None:
        before = (await office.gates())["GL"]
        await office.template(office.task("wait"))
        run = await office.start(template="monthly")
        await office.until(run, RunState.TASKS)
        assert (await office.gates())["GL"].posting is Posting.ADJUST_ONLY
        view = await office.act(office.house.root, run, Act.ABORT)
        assert [task.state for task in view.tasks] == [TaskState.CANCELLED]
        assert await office.end(run) is RunState.ABORTED
        after = (await office.gates())["GL"]
        assert (after.status, after.posting, after.epoch) == (Status.OPEN, Posting.ALL, before.epoch + 2)

    @pytest.mark.req("FP58")
    async def test_what_is_closed_is_not_aborted(self, office: Office) -> None:
        run = await office.start()
        await office.vote(run, office.house.bob, office.house.cyd)
        await office.end(run)
        with pytest.raises(RunOver):
            await office.act(office.house.root, run, Act.ABORT)
        assert (await office.gates())["GL"].status is Status.CLOSED

    @pytest.mark.req("FP53")
    async def test_rejected_it_may_be_tried_again(self, office: Office) -> None:
        run = await office.start()
        await office.vote(run, office.house.bob, answer=Answer.REJECT)
        assert await office.end(run) is RunState.REJECTED
        assert (await office.gates())["GL"].posting is Posting.ALL
        again = await office.start()
        assert again.attempt == 2
        await office.vote(again, office.house.bob, office.house.cyd)
        assert await office.end(again) is RunState.CLOSED

    @pytest.mark.req("FP52")
    async def test_nobody_answers_in_time(self, office: Office) -> None:
        run = await office.start()
        await office.vote(run, office.house.bob)
        await office.skip_approval(run, hours=72, seconds=1)
        assert await office.end(run) is RunState.TIMED_OUT
        gate = (await office.gates())["GL"]
        assert (gate.status, gate.posting) == (Status.OPEN, Posting.ALL)

    @pytest.mark.req("FP51")
    async def test_who_asked_does_not_approve(self, office: Office) -> None:
        await office.grant("root", Role.APPROVER)
        run = await office.start()
        with pytest.raises(SelfApproval):
            await office.vote(run, office.house.root)
        await office.act(office.house.root, run, Act.ABORT)
        assert await office.end(run) is RunState.ABORTED
