"""What a close waits for: modules elsewhere, people with tasks, and nothing that it could tell at once."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio.client import WorkflowUpdateFailedError

from adapters.temporal import closures
from application.closures.stand import RunStep, Stand
from domain.closures import Act, NotTheirTask, RunOver, RunState, SodViolation, TaskBlocked, TaskState, WrongRunState
from domain.errors import Missing, Refusal
from tests.workflow import scripted_books
from tests.workflow.closes import STRAIGHT, Close
from tests.workflow.scripted_books import task
from tests.workflow.theatre import seen
from workflows.period_messages import FENCE_ACKNOWLEDGED, ClosureProof

AGAIN, CALL = "ask the modules again", "call an operator"


class TestFences:
    @pytest.mark.req("FP54")
    async def test_modules_are_asked_three_times_and_then_somebody_is_called(self, staffed: Close) -> None:
        staffed.books.fences = 2
        await staffed.start()
        await staffed.until(RunState.FREEZING)
        await staffed.skip(minutes=61)
        asked = [each for each in staffed.books.steps if each in {AGAIN, CALL}]
        assert asked == [AGAIN, AGAIN, CALL]
        assert staffed.books.stand.state is RunState.FREEZING
        staffed.books.fences = 0
        await staffed.processes.closure_told(staffed.run, FENCE_ACKNOWLEDGED)
        await staffed.vote("bob", "cyd")
        assert await staffed.end() is RunState.CLOSED

    async def test_those_that_answer_are_waited_for_no_longer(self, staffed: Close) -> None:
        staffed.books.fences = 1
        await staffed.start()
        await staffed.until(RunState.FREEZING)
        await staffed.processes.closure_told(staffed.run, FENCE_ACKNOWLEDGED)

        async def looked() -> bool:
            return "acknowledged" in staffed.books.steps

        await seen(looked)
        assert staffed.books.stand.state is RunState.FREEZING
        staffed.books.fences = 0
        await staffed.processes.closure_told(staffed.run, FENCE_ACKNOWLEDGED)
        await staffed.vote("bob", "cyd")
        assert await staffed.end() is RunState.CLOSED
        assert AGAIN not in staffed.books.steps

    async def test_the_database_is_asked_when_nobody_is_missing_any_more(self, staffed: Close) -> None:
        staffed.books.fences = 3
        await staffed.start()
        await staffed.until(RunState.FREEZING)
        for missing in (2, 1):
            await staffed.processes.closure_told(staffed.run, FENCE_ACKNOWLEDGED, missing)
        assert (await staffed.handle.query("status"))["fences"] == 1
        assert "1 modules" in str(await staffed.handle.query("__temporal_workflow_metadata"))
        staffed.books.fences = 0
        await staffed.processes.closure_told(staffed.run, FENCE_ACKNOWLEDGED, 0)
        await staffed.vote("bob", "cyd")
        assert await staffed.end() is RunState.CLOSED
        assert staffed.books.steps.count("acknowledged") == 1

    async def test_one_that_answers_before_the_freeze_is_known_is_heard(
        self, close: Close, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        freeze = scripted_books._Answers.freeze

        async def overtaken(self: Any, step: RunStep) -> Stand:
            found = await freeze(self, step)
            close.books.fences = 0
            await close.processes.closure_told(close.run, FENCE_ACKNOWLEDGED, 0)
            return found

        monkeypatch.setattr(scripted_books._Answers, "freeze", overtaken)
        close.books.fences = 1
        async with close.worker():
            await close.start()
            await close.vote("bob", "cyd")
            assert await close.end() is RunState.CLOSED

    async def test_it_may_be_aborted_meanwhile(self, staffed: Close) -> None:
        staffed.books.fences = 1
        await staffed.start()
        await staffed.until(RunState.FREEZING)
        await staffed.act("root", Act.ABORT)
        assert await staffed.end() is RunState.ABORTED


class TestReminders:
    async def test_a_day_before_when_it_is_due_and_a_day_after(self, staffed: Close) -> None:
        due = datetime.now(UTC) + timedelta(days=3)
        staffed.books.tasks = (task("bank", staffed.world.ada.id, due_at=due), task("fx", staffed.world.ada.id))
        await staffed.start()
        await staffed.until(RunState.TASKS)
        await staffed.skip(days=2, minutes=1)
        assert staffed.books.reminded == [("bank",)]
        await staffed.skip(days=30)
        assert staffed.books.reminded == [("bank",)] * 3
        await staffed.act("root", Act.ABORT)
        assert await staffed.end() is RunState.ABORTED


@pytest_asyncio.fixture
async def waiting(staffed: Close) -> AsyncIterator[Close]:
    """Ada prepares the bank and bob reviews it; the tax comes after it."""
    ada, bob = staffed.world.ada.id, staffed.world.bob.id
    staffed.books.tasks = (
        task("bank", ada, reviewer=bob),
        task("tax", ada, after=("bank",), state=TaskState.WAITING),
    )
    await staffed.start()
    await staffed.until(RunState.TASKS)
    yield staffed
    await staffed.act("root", Act.ABORT)
    assert await staffed.end() is RunState.ABORTED


class TestRefusedAtOnce:
    @pytest.mark.req("FP50", "FP51")
    @pytest.mark.parametrize(
        ("who", "act", "about", "refusal"),
        [
            ("ada", Act.COMPLETE_TASK, "tax", TaskBlocked),
            ("bob", Act.COMPLETE_TASK, "bank", NotTheirTask),
            ("ada", Act.SIGN_OFF, "bank", SodViolation),
            ("cyd", Act.REJECT_TASK, "bank", NotTheirTask),
            ("ada", Act.COMPLETE_TASK, "nothing", Missing),
            ("root", Act.REVALIDATE, None, WrongRunState),
        ],
    )
    async def test_nothing_of_it_enters_the_history(
        self, waiting: Close, who: str, act: Act, about: str | None, refusal: type[Refusal]
    ) -> None:
        written = await waiting.events()
        with pytest.raises(refusal):
            await waiting.act(who, act, about)
        assert await waiting.events() == written

    async def test_an_act_in_another_attempt_is_over(self, waiting: Close) -> None:
        run = waiting.run
        waiting.run = replace(run, id=uuid4())
        with pytest.raises(RunOver):
            await waiting.act("root", Act.ABORT)
        waiting.run = run

    async def test_what_is_no_proof_stops_nothing(self, waiting: Close) -> None:
        with pytest.raises(WorkflowUpdateFailedError):
            await waiting.handle.execute_update("abort", args=[1, 2])
        with pytest.raises(WorkflowUpdateFailedError):
            await waiting.handle.execute_update("attach_evidence", ClosureProof("x"))
        await waiting.handle.signal("made_up", args=["x"])
        assert await waiting.open()


class TestLong:
    async def test_it_goes_on_in_a_new_run_where_the_last_one_stood(
        self, staffed: Close, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(closures, "MOST_EVENTS", 60)
        due = datetime.now(UTC) + timedelta(days=3)
        staffed.books.tasks = tuple(task(f"t{n}", staffed.world.ada.id, due_at=due + n * timedelta(hours=1))
                                    for n in range(6))  # fmt: skip
        await staffed.start()
        await staffed.until(RunState.TASKS)
        first = (await staffed.handle.describe()).run_id
        await staffed.skip(days=6)
        assert (await staffed.handle.describe()).run_id != first
        assert sum(len(each) for each in staffed.books.reminded) == 18
        assert staffed.books.steps.count("look") == 1
        staffed.books.effects[Act.COMPLETE_TASK] = lambda stand: replace(
            stand, tasks=tuple(replace(each, state=TaskState.DONE) for each in stand.tasks)
        )
        await staffed.act("ada", Act.COMPLETE_TASK, "t0")
        await staffed.vote("bob", "cyd")
        assert await staffed.end() is RunState.CLOSED
        assert [each for each in staffed.books.steps if not each.startswith("remind")] == [
            *STRAIGHT[:4], "complete_task", *STRAIGHT[4:], "close", "notify",
        ]  # fmt: skip

    async def test_what_people_do_alone_makes_it_long(self, staffed: Close, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(closures, "MOST_EVENTS", 60)
        staffed.books.tasks = tuple(task(f"t{n}", staffed.world.ada.id) for n in range(6))

        def done(stand: Stand) -> Stand:
            first = next(each for each in stand.tasks if each.state is not TaskState.DONE)
            return replace(
                stand,
                tasks=tuple(replace(each, state=TaskState.DONE) if each is first else each for each in stand.tasks),
            )

        staffed.books.effects[Act.COMPLETE_TASK] = done
        await staffed.start()
        await staffed.until(RunState.TASKS)
        first = (await staffed.handle.describe()).run_id
        for number in range(5):
            await staffed.act("ada", Act.COMPLETE_TASK, f"t{number}")

        async def anew() -> bool:
            return (await staffed.handle.describe()).run_id != first

        assert await seen(anew)
        await staffed.act("ada", Act.COMPLETE_TASK, "t5")
        await staffed.vote("bob", "cyd")
        assert await staffed.end() is RunState.CLOSED
        assert staffed.books.steps.count("complete_task") == 6
