from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from domain.closures import (
    ACTS,
    COMMITTED,
    OVER,
    UNDONE,
    WAYS,
    Act,
    ClosureRun,
    Mode,
    RunOver,
    RunState,
    WrongRunState,
    restored,
)
from domain.periods import GateKey, PeriodGate, Posting, Status, TransitionRefused
from tests.unit.closures.facts import MARCH, gate
from tests.unit.closures.tasks import ADA, NOON, RUN
from tests.unit.closures.test_certificate import certificate


def run(state: RunState = RunState.INITIATED, **given: Any) -> ClosureRun:
    tenant = uuid4()
    made = ClosureRun(RUN, tenant, "de", MARCH, "2024-03", ("AP", "GL"), Mode.HARD, 1, ADA, state, NOON)
    return replace(made, **given)


class TestRun:
    def test_goes_through_its_states_to_the_end(self) -> None:
        way = [RunState.PRECHECK, RunState.FREEZING, RunState.TASKS, RunState.VALIDATING, RunState.AWAITING_APPROVAL]
        here = run()
        for state in way:
            here = here.moved(state)
        closed = here.closed(certificate(), NOON)
        assert (closed.state, closed.closed_at, closed.committed, closed.over) == (
            RunState.NOTIFYING,
            NOON,
            True,
            False,
        )
        assert closed.moved(RunState.CLOSED).over

    def test_has_one_name_for_all_attempts(self) -> None:
        first = run()
        second = replace(first, id=uuid4(), attempt=2)
        assert first.workflow_id == second.workflow_id == f"period-close/{first.tenant}/de/2024-03"

    def test_keeps_the_gates_that_the_freeze_found_first(self) -> None:
        found = (gate("AP", posting=Posting.ALL, epoch=3),)
        assert run(RunState.PRECHECK).frozen(found).prior == found
        assert run(RunState.PRECHECK, prior=found).frozen((gate("AP"),)).prior == found

    @pytest.mark.req("FP57")
    @pytest.mark.parametrize("back", [RunState.VALIDATING, RunState.TASKS])
    def test_has_no_approval_any_more_when_the_books_moved(self, back: RunState) -> None:
        asked = run(RunState.VALIDATING).asked("sha256:seen", uuid4())
        assert (asked.state, asked.snapshot) == (RunState.AWAITING_APPROVAL, "sha256:seen")
        again = asked.moved(RunState.CLOSING).moved(back)
        assert (again.snapshot, again.approval) == (None, None)


class TestStates:
    def test_have_ways_from_each_and_none_from_an_end(self) -> None:
        assert set(WAYS) == set(RunState)
        assert {state for state, ways in WAYS.items() if not ways} == OVER

    @pytest.mark.parametrize("state", sorted(OVER))
    def test_that_are_ends_stay(self, state: RunState) -> None:
        with pytest.raises(RunOver):
            run(state).moved(RunState.TASKS)

    def test_lead_from_what_is_committed_only_to_closed(self) -> None:
        reached = {ways for state in COMMITTED for ways in WAYS[state]}
        assert reached == {RunState.CLOSED}
        assert not UNDONE & reached

    def test_lead_nowhere_else(self) -> None:
        with pytest.raises(WrongRunState) as refused:
            run(RunState.TASKS).moved(RunState.CLOSING)
        assert refused.value.facts == {"state": "TASKS", "wanted": "CLOSING"}


class TestActs:
    @pytest.mark.parametrize("state", sorted(COMMITTED | OVER))
    def test_come_too_late_once_it_is_closed_or_ended(self, state: RunState) -> None:
        for act in Act:
            with pytest.raises(RunOver):
                run(state).check(act)

    def test_end_a_run_until_it_closes(self) -> None:
        assert {state for state, acts in ACTS.items() if Act.ABORT in acts} == set(RunState) - COMMITTED - OVER - {
            RunState.CLOSING
        }

    def test_do_not_change_what_is_voted_on(self) -> None:
        with pytest.raises(WrongRunState):
            run(RunState.AWAITING_APPROVAL).check(Act.COMPLETE_TASK)
        run(RunState.AWAITING_APPROVAL).check(Act.ABORT)

    def test_on_checks_are_for_when_they_failed(self) -> None:
        run(RunState.REMEDIATING).check(Act.WAIVE_CHECK)
        with pytest.raises(WrongRunState):
            run(RunState.TASKS).check(Act.WAIVE_CHECK)


@pytest.mark.req("FP53")
class TestRestored:
    def test_gates_are_as_before_at_the_next_epoch_in_reverse(self) -> None:
        prior = (gate("AP", posting=Posting.ALL, epoch=3), gate("GL", posting=Posting.ADJUST_ONLY, epoch=7))
        now = {each.key: each for each in (gate("AP", epoch=4), gate("GL", posting=Posting.NONE, epoch=9))}
        back = restored(prior, now, ADA, NOON, "rejected")
        assert [(each.key.scope, each.posting, each.epoch, each.reason) for each in back] == [
            ("GL", Posting.ADJUST_ONLY, 10, "rejected"),
            ("AP", Posting.ALL, 5, "rejected"),
        ]

    def test_a_gate_that_was_closed_meanwhile_is_not_opened_by_it(self) -> None:
        closed: dict[GateKey, PeriodGate] = {gate("AP").key: gate("AP", Status.CLOSED, Posting.NONE)}
        with pytest.raises(TransitionRefused):
            restored((gate("AP", posting=Posting.ALL),), closed, ADA, NOON, "aborted")
