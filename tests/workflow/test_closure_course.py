"""The course of a close, from its start to every end that it may have."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError

from domain.approvals import Answer
from domain.closures import Act, RunOver, RunState, SnapshotMoved, TaskState
from domain.errors import Unavailable
from tests.workflow.closes import STRAIGHT, Close
from tests.workflow.scripted_books import task
from tests.workflow.theatre import known, seen
from workflows import period_closure, period_following
from workflows.period_messages import BALANCE_CHANGED


class TestStraight:
    async def test_it_is_frozen_checked_approved_and_closed(self, staffed: Close) -> None:
        await staffed.start()
        await staffed.vote("bob", "cyd")
        assert await staffed.end() is RunState.CLOSED
        assert staffed.books.steps == [*STRAIGHT, "close", "notify"]

    async def test_started_twice_it_runs_once(self, staffed: Close) -> None:
        await staffed.start()
        await staffed.start()
        await staffed.vote("bob", "cyd")
        assert await staffed.end() is RunState.CLOSED
        assert staffed.books.steps.count("precheck") == 1

    @pytest.mark.req("FP45")
    async def test_another_attempt_waits_until_the_last_has_ended(self, staffed: Close) -> None:
        await staffed.start()
        await staffed.approval()
        first = staffed.run
        staffed.run = replace(first, id=staffed.world.tenant.id, attempt=2)
        with pytest.raises(Unavailable):
            await staffed.start()
        staffed.run = first
        await staffed.act("root", Act.ABORT)
        assert await staffed.end() is RunState.ABORTED

    async def test_its_tasks_are_waited_for(self, staffed: Close) -> None:
        staffed.books.tasks = (task("bank", staffed.world.ada.id),)
        staffed.books.effects[Act.COMPLETE_TASK] = lambda stand: replace(
            stand, tasks=tuple(replace(each, state=TaskState.DONE) for each in stand.tasks)
        )
        await staffed.start()
        await staffed.until(RunState.TASKS)
        await staffed.act("ada", Act.COMPLETE_TASK, "bank")
        await staffed.vote("bob", "cyd")
        assert await staffed.end() is RunState.CLOSED


class TestInTheWay:
    @pytest.mark.req("FP47")
    async def test_checks_that_fail_wait_until_it_is_looked_at_again(self, staffed: Close) -> None:
        staffed.books.finds = [("unposted",)]
        await staffed.start()
        await staffed.until(RunState.REMEDIATING)
        await staffed.act("root", Act.REVALIDATE)
        await staffed.vote("bob", "cyd")
        assert await staffed.end() is RunState.CLOSED
        assert staffed.books.steps.count("validate") == 2

    @pytest.mark.req("FP47")
    async def test_whoever_asks_to_look_again_is_answered_with_what_is_found(
        self, staffed: Close, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(period_following, "ANSWER_PATIENCE", timedelta(hours=1))
        staffed.books.finds = [("unposted",), ("suspense",)]
        await staffed.start()
        await staffed.until(RunState.REMEDIATING)
        await staffed.act("root", Act.REVALIDATE)
        assert (staffed.books.stand.state, staffed.books.stand.blockers) == (RunState.REMEDIATING, ("suspense",))
        await staffed.act("root", Act.REVALIDATE)
        assert staffed.books.stand.state is RunState.AWAITING_APPROVAL
        await staffed.act("root", Act.ABORT)
        assert await staffed.end() is RunState.ABORTED

    async def test_and_not_kept_waiting_while_tasks_are_open(self, staffed: Close) -> None:
        staffed.books.tasks = (task("bank", staffed.world.ada.id, state=TaskState.DONE),)
        staffed.books.finds = [("unposted",)]
        staffed.books.effects[Act.REVALIDATE] = lambda stand: replace(
            stand, tasks=tuple(replace(each, state=TaskState.SUSPENDED) for each in stand.tasks)
        )
        await staffed.start()
        await staffed.until(RunState.REMEDIATING)
        await staffed.act("root", Act.REVALIDATE)
        assert staffed.books.steps.count("validate") == 1
        await staffed.act("root", Act.ABORT)
        assert await staffed.end() is RunState.ABORTED

    async def test_what_is_waived_needs_nobody_to_look_again(self, staffed: Close) -> None:
        staffed.books.finds = [("suspense",)]
        staffed.books.effects[Act.WAIVE_CHECK] = lambda stand: replace(stand, blockers=())
        await staffed.start()
        await staffed.until(RunState.REMEDIATING)
        await staffed.act("root", Act.WAIVE_CHECK)
        await staffed.vote("bob", "cyd")
        assert await staffed.end() is RunState.CLOSED

    @pytest.mark.req("FP57")
    async def test_books_that_moved_are_checked_and_approved_anew(self, staffed: Close) -> None:
        staffed.books.moved = 1
        await staffed.start()
        first = await staffed.approval()
        await staffed.vote("bob", "cyd")

        async def another() -> bool:
            asked = staffed.books.stand.asked
            return asked is not None and asked.approval != first

        await seen(another)
        await staffed.vote("bob", "cyd")
        assert await staffed.end() is RunState.CLOSED
        assert staffed.books.steps == [*STRAIGHT, "close", *STRAIGHT[-2:], "close", "notify"]

    @pytest.mark.req("FP49")
    async def test_what_is_posted_beneath_a_sign_off_calls_the_vote_off(self, staffed: Close) -> None:
        staffed.books.tasks = (task("bank", staffed.world.ada.id, state=TaskState.DONE),)
        await staffed.start()
        approval = await staffed.approval()
        staffed.books.posted = True
        await staffed.processes.closure_told(staffed.run, BALANCE_CHANGED)
        await staffed.until(RunState.TASKS)
        result = await staffed.client.get_workflow_handle(f"approval/{approval}").result()
        assert result["standing"] == "INVALIDATED"
        await staffed.act("root", Act.ABORT)
        assert await staffed.end() is RunState.ABORTED

    @pytest.mark.req("FP49")
    async def test_and_is_found_when_nobody_tells(self, staffed: Close, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(period_closure, "VOTE_PATIENCE", timedelta(milliseconds=200))
        staffed.books.tasks = (task("bank", staffed.world.ada.id, state=TaskState.DONE),)
        await staffed.start()
        approval = await staffed.approval()

        async def looked() -> bool:
            return "look at the books" in staffed.books.steps

        await seen(looked)
        assert staffed.books.stand.state is RunState.AWAITING_APPROVAL
        staffed.books.posted = True
        await staffed.until(RunState.TASKS)
        result = await staffed.client.get_workflow_handle(f"approval/{approval}").result()
        assert result["standing"] == "INVALIDATED"
        await staffed.act("root", Act.ABORT)
        assert await staffed.end() is RunState.ABORTED


class TestEnds:
    @pytest.mark.req("FP53")
    async def test_an_approver_rejects_it(self, staffed: Close) -> None:
        await staffed.start()
        await staffed.vote("bob", answer=Answer.REJECT)
        assert await staffed.end() is RunState.REJECTED
        assert staffed.books.steps == [*STRAIGHT, "look", "rejected"]

    @pytest.mark.req("FP52")
    async def test_nobody_approves_in_time(self, staffed: Close) -> None:
        await staffed.start()
        await staffed.vote("bob")
        await staffed.skip_approval(hours=72, seconds=1)
        assert await staffed.end() is RunState.TIMED_OUT

    @pytest.mark.req("FP52")
    async def test_the_last_second_is_in_time(self, staffed: Close) -> None:
        await staffed.start()
        await staffed.vote("bob")
        await staffed.skip_approval(hours=71, minutes=59, seconds=30)
        await staffed.vote("cyd")
        assert await staffed.end() is RunState.CLOSED

    @pytest.mark.req("FP58")
    async def test_it_is_aborted_while_tasks_are_open(self, staffed: Close) -> None:
        staffed.books.tasks = (task("bank", staffed.world.ada.id),)
        await staffed.start()
        await staffed.until(RunState.TASKS)
        await staffed.act("root", Act.ABORT)
        assert await staffed.end() is RunState.ABORTED
        with pytest.raises(RunOver):
            await staffed.act("root", Act.ABORT)

    async def test_aborted_while_it_awaits_approval_the_vote_ends(self, staffed: Close) -> None:
        await staffed.start()
        approval = await staffed.approval()
        await staffed.act("root", Act.ABORT)
        assert await staffed.end() is RunState.ABORTED
        result = await staffed.client.get_workflow_handle(f"approval/{approval}").result()
        assert result["standing"] == "WITHDRAWN"

    async def test_cancelled_in_the_temporal_ui_it_is_aborted(self, staffed: Close) -> None:
        staffed.books.tasks = (task("bank", staffed.world.ada.id),)
        await staffed.start()
        await staffed.until(RunState.TASKS)
        await staffed.handle.cancel()
        with pytest.raises(WorkflowFailureError):
            await staffed.handle.result()
        assert staffed.books.stand.state is RunState.ABORTED
        assert staffed.books.stand.why == "workflow_cancelled"

    async def test_a_step_that_is_refused_ends_it(self, staffed: Close) -> None:
        staffed.books.refuses["validate"] = SnapshotMoved()
        await staffed.start()
        assert await staffed.end() is RunState.FAILED_OPERATOR
        assert staffed.books.stand.why == "snapshot_moved"

    async def test_once_it_is_over_another_attempt_begins(self, close: Close) -> None:
        async with close.worker():
            await close.start()
            await close.vote("bob", answer=Answer.REJECT)
            assert await close.end() is RunState.REJECTED
        close.again(2)
        async with close.worker():
            await close.start()
            await close.vote("bob", "cyd")
            assert await close.end() is RunState.CLOSED


class TestLook:
    async def test_it_is_found_by_entity_and_period_and_says_what_is_open(self, staffed: Close) -> None:
        due = datetime(2030, 4, 3, 12, tzinfo=UTC)
        staffed.books.tasks = (task("bank", staffed.world.ada.id, due_at=due),)
        await staffed.start()
        await staffed.until(RunState.TASKS)
        asked = {"Tenant": staffed.run.tenant, "Entity": staffed.entity, "Period": "2025-03", "State": "TASKS"}
        query = " AND ".join(f"{name} = '{value}'" for name, value in asked.items())

        async def found() -> Any:
            return [each.id async for each in staffed.client.list_workflows(query)] == [staffed.run.workflow_id]

        await seen(found)
        words = str(await staffed.handle.query("__temporal_workflow_metadata"))
        assert f"**{staffed.entity} 2025-03**, hard close, attempt 1: TASKS" in words
        assert "`bank`: ready, due 2030-04-03T12:00+00:00" in words
        assert await known(staffed.handle)
        await staffed.act("root", Act.ABORT)
        assert await staffed.end() is RunState.ABORTED
