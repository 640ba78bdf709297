from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from domain.closures import (
    ClosureTask,
    EvidenceMissing,
    NotByHand,
    NotTheirTask,
    Seen,
    Signer,
    SodViolation,
    TaskBlocked,
    TaskKind,
    TaskState,
    WrongTaskState,
    authors,
    ready,
    settled,
)
from domain.errors import Invalid
from tests.unit.closures.tasks import ADA, BOB, CYD, DEE, HOUR, MOVED, NOON, SEEN, plan, reconciled, task

RECONCILIATION = TaskKind.RECONCILIATION


class TestTask:
    def test_is_submitted_by_its_owner_and_done_by_its_reviewer(self) -> None:
        submitted = task().complete(ADA, NOON, SEEN)
        done = submitted.approve(BOB, NOON + HOUR, SEEN)
        assert (submitted.state, done.state) == (TaskState.SUBMITTED, TaskState.DONE)
        assert [(each.role, each.who, each.basis) for each in done.live] == [
            (Signer.PREPARER, ADA, "sha256:one"),
            (Signer.REVIEWER, BOB, "sha256:one"),
        ]
        assert (done.started_at, done.ended_at) == (NOON, NOON + HOUR)

    def test_is_done_at_once_where_nobody_reviews(self) -> None:
        assert task(reviewer=None).complete(ADA, NOON, SEEN).state is TaskState.DONE

    def test_is_completed_by_nobody_else(self) -> None:
        for stranger in (BOB, CYD):
            with pytest.raises(NotTheirTask):
                task().complete(stranger, NOON, SEEN)

    @pytest.mark.req("FP50")
    def test_waits_for_what_comes_before_it(self) -> None:
        with pytest.raises(TaskBlocked) as refused:
            task("report", "bank", state=TaskState.WAITING).complete(ADA, NOON, SEEN)
        assert refused.value.facts == {"task": "report", "after": ["bank"]}

    def test_is_done_once(self) -> None:
        with pytest.raises(WrongTaskState):
            reconciled().complete(ADA, NOON, SEEN)

    def test_needs_its_evidence(self) -> None:
        bare = task(needs_evidence=True)
        with pytest.raises(EvidenceMissing):
            bare.complete(ADA, NOON, SEEN)
        assert bare.attached(uuid4(), ADA).complete(ADA, NOON, SEEN).state is TaskState.SUBMITTED

    def test_takes_evidence_from_its_own_people_while_it_is_not_over(self) -> None:
        with pytest.raises(NotTheirTask):
            task().attached(uuid4(), CYD)
        with pytest.raises(WrongTaskState):
            reconciled().attached(uuid4(), ADA)

    def test_asks_a_reconciliation_for_both_balances(self) -> None:
        with pytest.raises(Invalid) as refused:
            task(kind=RECONCILIATION).complete(ADA, NOON, Seen("sha256:one", Decimal(1)))
        assert [fault.path for fault in refused.value.faults] == ["/book_balance"]

    def test_is_not_done_by_hand_where_the_close_does_it(self) -> None:
        with pytest.raises(NotByHand):
            task(kind=TaskKind.CHECK).complete(ADA, NOON, SEEN)
        assert task(kind=TaskKind.CHECK, reviewer=None).performed(CYD, NOON, SEEN).state is TaskState.DONE
        with pytest.raises(WrongTaskState):
            task().performed(CYD, NOON, SEEN)

    def test_is_begun_by_its_owner(self) -> None:
        begun = task().started(ADA, NOON)
        assert (begun.state, begun.started_at) == (TaskState.IN_PROGRESS, NOON)
        assert begun.complete(ADA, NOON + HOUR, SEEN).started_at == NOON

    def test_stays_done_when_its_run_ends(self) -> None:
        assert reconciled().cancel(NOON).state is TaskState.DONE
        assert task().cancel(NOON).state is TaskState.CANCELLED


@pytest.mark.req("FP51")
class TestDuties:
    def test_who_prepares_does_not_review(self) -> None:
        with pytest.raises(SodViolation):
            task().complete(ADA, NOON, SEEN).approve(ADA, NOON, SEEN)

    def test_not_even_when_the_plan_names_them_for_it_afterwards(self) -> None:
        submitted = task().complete(ADA, NOON, SEEN)
        handed_over = replace(submitted, plan=plan(owner=CYD, reviewer=ADA))
        with pytest.raises(SodViolation):
            handed_over.approve(ADA, NOON, SEEN)

    def test_nobody_else_reviews(self) -> None:
        with pytest.raises(NotTheirTask):
            task().complete(ADA, NOON, SEEN).approve(CYD, NOON, SEEN)

    def test_who_should_do_it_does_not_waive_it(self) -> None:
        with pytest.raises(SodViolation):
            task().waive(ADA, NOON, "no such account any more", DEE)

    def test_nor_does_who_asked_for_the_close(self) -> None:
        with pytest.raises(SodViolation):
            task().waive(CYD, NOON, "we are late", CYD)

    def test_whoever_asked_or_has_a_task_does_not_approve(self) -> None:
        waived = task("tax", owner=DEE).waive(ADA, NOON, "no tax there", DEE)
        assert authors(CYD, [task(), waived]) == {ADA, CYD}


class TestReview:
    def test_gives_it_back_with_a_reason(self) -> None:
        back = task().complete(ADA, NOON, SEEN).reject(BOB, NOON, "the statement is of February")
        assert (back.state, back.remark, back.returns, back.live) == (
            TaskState.REJECTED,
            "the statement is of February",
            1,
            (),
        )
        again = back.complete(ADA, NOON, MOVED)
        assert (again.state, again.remark, len(again.signoffs)) == (TaskState.SUBMITTED, "", 2)

    def test_needs_a_reason_to_give_it_back(self) -> None:
        with pytest.raises(Invalid):
            task().complete(ADA, NOON, SEEN).reject(BOB, NOON, "  ")

    def test_is_of_what_was_prepared(self) -> None:
        with pytest.raises(WrongTaskState):
            task().complete(ADA, NOON, SEEN).approve(BOB, NOON, MOVED)

    def test_follows_the_preparation(self) -> None:
        with pytest.raises(WrongTaskState):
            task().approve(BOB, NOON, SEEN)


class TestWaiver:
    @pytest.mark.req("FP60")
    def test_needs_a_reason(self) -> None:
        with pytest.raises(Invalid):
            task().waive(CYD, NOON, " ", DEE)

    def test_lets_what_comes_after_begin(self) -> None:
        waived = task().waive(CYD, NOON, "the account is closed", DEE)
        after = settled([waived, task("report", "bank", state=TaskState.WAITING)], NOON)
        assert [each.state for each in after] == [TaskState.WAIVED, TaskState.READY]

    def test_comes_too_late_for_what_is_done(self) -> None:
        with pytest.raises(WrongTaskState):
            reconciled().waive(CYD, NOON, "done already", DEE)


class TestSuspension:
    def test_keeps_sign_offs_and_asks_anew(self) -> None:
        suspended = reconciled().suspend("sha256:two", NOON + 2 * HOUR)
        assert (suspended.state, suspended.ended_at, suspended.returns) == (TaskState.SUSPENDED, None, 1)
        assert [each.suspended_at for each in suspended.signoffs] == [NOON + 2 * HOUR] * 2
        assert suspended.live == ()

    def test_is_not_for_the_same_balance(self) -> None:
        assert reconciled().suspend("sha256:one", NOON) == reconciled()

    def test_ends_with_new_sign_offs_over_the_old(self) -> None:
        again = reconciled().suspend("sha256:two", NOON).complete(ADA, NOON, MOVED).approve(BOB, NOON, MOVED)
        assert again.state is TaskState.DONE
        assert [(each.live, each.basis) for each in again.signoffs] == [
            (False, "sha256:one"),
            (False, "sha256:one"),
            (True, "sha256:two"),
            (True, "sha256:two"),
        ]

    def test_leaves_alone_what_nobody_signed(self) -> None:
        assert task().suspend("sha256:two", NOON) == task()


class TestSettled:
    def tasks(self, **bank: Any) -> list[ClosureTask]:
        return [task(**bank), task("report", "bank", state=TaskState.WAITING), task("file", "report", "bank")]

    def test_readies_what_has_nothing_open_before_it(self) -> None:
        first = settled(self.tasks(), NOON)
        assert [each.state for each in first] == [TaskState.READY, TaskState.WAITING, TaskState.WAITING]
        then = settled([reconciled(), *first[1:]], NOON + HOUR)
        assert [each.state for each in then] == [TaskState.DONE, TaskState.READY, TaskState.WAITING]
        assert then[1].ready_at == NOON + HOUR
        assert [each.plan.key for each in ready(then)] == ["report"]

    def test_holds_back_what_was_begun_when_something_before_it_is_suspended(self) -> None:
        begun = task("report", "bank").started(ADA, NOON)
        suspended = reconciled().suspend("sha256:two", NOON)
        after = settled([suspended, begun], NOON)
        assert [each.state for each in after] == [TaskState.SUSPENDED, TaskState.WAITING]

    def test_changes_nothing_the_second_time(self) -> None:
        once = settled(self.tasks(), NOON)
        assert settled(once, NOON + HOUR) == once
