from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest

from application.closures.looking import CheckedBy
from application.closures.stand import Stand, TaskBrief
from domain.closures import Act, Item, NotTheirTask, RunState, SodViolation, TaskBlocked, TaskState, WrongTaskState
from domain.errors import Missing, Refusal
from tests.closes import Close

ADA, BOB, CYD = uuid4(), uuid4(), uuid4()
BANK = TaskBrief(uuid4(), "bank", TaskState.READY, ADA, BOB)
TAX = TaskBrief(uuid4(), "tax", TaskState.WAITING, ADA, after=("bank",))
STAND = Stand(uuid4(), RunState.TASKS, tasks=(BANK, TAX))


class TestStand:
    @pytest.mark.req("FP50", "FP51")
    @pytest.mark.parametrize(
        ("actor", "act", "task", "refusal"),
        [
            (ADA, Act.COMPLETE_TASK, "tax", TaskBlocked),
            (BOB, Act.COMPLETE_TASK, "bank", NotTheirTask),
            (ADA, Act.SIGN_OFF, "bank", SodViolation),
            (ADA, Act.REJECT_TASK, "bank", SodViolation),
            (CYD, Act.SIGN_OFF, "bank", NotTheirTask),
            (BOB, Act.SIGN_OFF, "bank", WrongTaskState),
            (ADA, Act.COMPLETE_TASK, "other", Missing),
        ],
    )
    def test_tells_what_would_be_refused(self, actor: UUID, act: Act, task: str, refusal: type[Refusal]) -> None:
        with pytest.raises(refusal):
            STAND.check(act, task, actor)

    @pytest.mark.parametrize(
        ("state", "actor", "act"),
        [
            (TaskState.READY, ADA, Act.COMPLETE_TASK),
            (TaskState.SUSPENDED, ADA, Act.COMPLETE_TASK),
            (TaskState.REJECTED, ADA, Act.COMPLETE_TASK),
            (TaskState.SUBMITTED, BOB, Act.SIGN_OFF),
            (TaskState.SUBMITTED, BOB, Act.REJECT_TASK),
            (TaskState.READY, CYD, Act.WAIVE_TASK),
        ],
    )
    def test_lets_through_what_the_database_is_to_decide(self, state: TaskState, actor: UUID, act: Act) -> None:
        stand = replace(STAND, tasks=(replace(BANK, state=state), TAX))
        stand.check(act, "bank", actor)

    @pytest.mark.parametrize("act", [Act.COMPLETE_TASK, Act.WAIVE_TASK])
    @pytest.mark.parametrize("state", [TaskState.DONE, TaskState.WAIVED, TaskState.CANCELLED])
    def test_what_is_done_is_not_done_again(self, act: Act, state: TaskState) -> None:
        with pytest.raises(WrongTaskState):
            replace(BANK, state=state).check(act, ADA)

    def test_says_nothing_of_what_it_does_not_know(self) -> None:
        STAND.check(Act.COMPLETE_TASK, "tax", None)
        STAND.check(Act.COMPLETE_TASK, None, BOB)
        STAND.check(Act.ABORT, None, CYD)

    def test_its_work_is_done_when_nothing_is_open(self) -> None:
        assert not STAND.work_done
        assert STAND.open_tasks == (BANK, TAX)
        assert replace(STAND, tasks=tuple(replace(each, state=TaskState.DONE) for each in STAND.tasks)).work_done
        assert replace(STAND, tasks=()).work_done

    def test_a_task_is_told_by_its_key_its_state_and_its_day(self) -> None:
        due = datetime(2025, 4, 3, 12, tzinfo=UTC)
        assert replace(BANK, state=TaskState.IN_PROGRESS, due_at=due).words == (
            "`bank`: in progress, due 2025-04-03T12:00+00:00"
        )


class TestUpon:
    def test_what_changed_takes_the_place_of_what_was_known(self) -> None:
        done, answer = replace(BANK, state=TaskState.DONE), Stand(STAND.run, RunState.TASKS, revision=2)
        whole = replace(answer, tasks=(done,)).upon(STAND)
        assert (whole.tasks, whole.revision) == ((done, TAX), 2)

    def test_whoever_knows_nothing_learns_all(self) -> None:
        assert STAND.upon(Stand(STAND.run, RunState.INITIATED)) == STAND


class TestTold:
    async def test_only_what_changed_since_it_was_heard(self, close: Close) -> None:
        await close.template(*(close.task(key) for key in ("bank", "fx", "tax")), close.task("sign", after=["tax"]))
        known = await close.frozen(template="month-end")
        assert len(known.tasks) == 4
        looked = replace(close.step(), heard=known.revision)
        assert (await close.cases.looking.stand(looked)).tasks == ()
        whole = await close.act(close.world.own, Act.COMPLETE_TASK, task="tax")
        told = await close.cases.looking.stand(looked)
        assert {each.key: each.state for each in told.tasks} == {"tax": TaskState.DONE, "sign": TaskState.READY}
        assert told.upon(known) == whole

    async def test_again_when_the_answer_was_lost(self, close: Close) -> None:
        await close.template(close.task("bank"), close.task("fx"))
        known = await close.frozen(template="month-end")
        step = replace(close.step(), heard=known.revision)
        lost = await close.cases.compensating.end(step, RunState.ABORTED, "aborted")
        assert len(lost.tasks) == 2
        assert await close.cases.compensating.end(step, RunState.ABORTED, "aborted") == lost


class TestChecked:
    @pytest.mark.req("FP47")
    async def test_before_the_freeze_and_then_as_frozen(self, close: Close) -> None:
        await close.books(unposted=(Item("7", date(2025, 3, 31)),))
        await close.ask()
        assert (await close.view()).checked is None
        await close.cases.prechecking.precheck(close.step())
        before = (await close.view()).checked
        assert (before.by, before.again) == (CheckedBy.PRECHECK, False)
        await close.cases.freezing.freeze(close.step())
        await close.cases.freezing.frozen(close.step())
        assert (await close.view()).checked == before
        await close.validate()
        found = (await close.view()).checked
        assert (found.by, found.again) == (CheckedBy.VALIDATION, False)
        await close.act(close.world.fin, Act.REVALIDATE, reason="posted by now")
        assert (await close.view()).checked == replace(found, again=True)
        await close.books()
        assert (await close.validate()).state is RunState.VALIDATING
        assert (await close.view()).checked.again is False

    async def test_of_a_close_that_is_over_nobody_waits_for_more(self, close: Close) -> None:
        await close.books(unposted=(Item("7", date(2025, 3, 31)),))
        await close.frozen()
        await close.validate()
        await close.act(close.world.fin, Act.REVALIDATE, reason="posted by now")
        await close.act(close.world.fin, Act.ABORT, reason="given up")
        assert (await close.view()).checked.again is False
