"""What is told of a deployment comes in the order in which it happened, though counters come late."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from application.deployments.following import in_order
from application.ports.records import Check
from domain.gates import Verdict
from domain.rollouts import State, Transition

ID = UUID(int=1)
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def move(seq: int, after: int, state: State, stage: int | None = None, percent: float = 0.0) -> Transition:
    at = NOON + timedelta(seconds=after)
    return Transition(ID, seq, f"step:{seq}", None, state, "", at, stage=stage, percent=percent)


def check(number: int, after: int, stage: int = 0) -> Check:
    return Check(ID, number, stage, Verdict.CONTINUE, "", {}, {}, NOON + timedelta(seconds=after))


class TestOrder:
    def test_a_check_is_told_behind_the_step_that_began_its_stage(self) -> None:
        submitted, waits = move(1, 0, State.AWAITING_APPROVAL), move(2, 1, State.RUNNING, 0)
        begins = move(3, 2, State.RUNNING, 0, 10.0)
        late, later = check(1, -27), check(2, -26)
        assert in_order([submitted, waits, begins], [late, later]) == [submitted, waits, begins, late, later]

    def test_a_check_is_told_before_the_step_that_it_caused(self) -> None:
        begins, back = move(1, 0, State.RUNNING, 0, 10.0), move(2, 5, State.ROLLING_BACK, 0, 10.0)
        assert in_order([begins, back], [check(1, 5)]) == [begins, check(1, 5), back]

    def test_a_check_of_a_stage_that_was_told_before_stands_at_its_time(self) -> None:
        next_stage = move(9, 10, State.RUNNING, 1, 25.0)
        assert in_order([next_stage], [check(7, 8), check(8, 9, stage=1)]) == [check(7, 8), next_stage, check(8, 9, 1)]
