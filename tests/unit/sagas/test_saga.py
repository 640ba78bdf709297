"""A process does one thing at a time, and what it has done it undoes in reverse."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from domain.commands import Command, CommandError, CommandRecord, CommandState, ParkedKind, fingerprint
from domain.sagas import Saga, SagaState, Step, StepState, Turn, Wish, WrongProcessState, shape_faults

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
S, T = SagaState, StepState
KEY = ("works", "42")


def saga(*states: StepState, back: bool = False, undoable: bool = True) -> Saga:
    """With steps a, b, c, ... in these states."""
    names = "abcdefgh"
    steps = [
        Step(names[place], undoable, state, KEY, undo=KEY, result={"of": names[place]})
        for place, state in enumerate(states)
    ]
    made = Saga(uuid4(), "works.trip", "42", {}, "sha256:0", None, NOW, uuid4())
    return replace(made.planned(steps), back=back, why="because" if back else "").settled(NOW)


def record(state: CommandState, **given: Any) -> CommandRecord:
    command = Command("works.write", "42", {})
    made = CommandRecord(command, uuid4(), fingerprint(command), None, NOW, NOW)
    return replace(made, state=state, **given)


def todo(of: Saga) -> tuple[Turn, str]:
    return of.next.turn, of.next.step.name if of.next.step else ""


class TestNext:
    def test_it_is_planned_first(self) -> None:
        made = Saga(uuid4(), "works.trip", "42", {}, "sha256:0", None, NOW, uuid4())
        assert todo(made) == (Turn.PLAN, "")
        assert made.settled(NOW).state is S.STARTED

    @pytest.mark.parametrize(
        ("states", "turn", "name", "state"),
        [
            ((T.WAITING, T.WAITING), Turn.SEND, "a", S.WAITING_FOR_REPLY),
            ((T.SENT, T.WAITING), Turn.WAIT, "", S.WAITING_FOR_REPLY),
            ((T.PARKED, T.WAITING), Turn.WAIT, "", S.WAITING_FOR_TSQ),
            ((T.COMPLETED, T.WAITING), Turn.SEND, "b", S.WAITING_FOR_REPLY),
            ((T.COMPLETED, T.COMPLETED), Turn.REST, "", S.COMPLETED),
            ((), Turn.REST, "", S.COMPLETED),
        ],
    )
    def test_forth(self, states: tuple[StepState, ...], turn: Turn, name: str, state: SagaState) -> None:
        made = saga(*states)
        assert (*todo(made), made.state) == (turn, name, state)

    @pytest.mark.parametrize(
        ("states", "turn", "name", "state"),
        [
            ((T.COMPLETED, T.COMPLETED, T.FAILED), Turn.UNDO, "b", S.COMPENSATING),
            ((T.COMPLETED, T.UNDOING, T.FAILED), Turn.WAIT, "", S.COMPENSATING),
            ((T.COMPLETED, T.UNDONE, T.FAILED), Turn.UNDO, "a", S.COMPENSATING),
            ((T.COMPLETED, T.UNDO_FAILED, T.FAILED), Turn.UNDO, "a", S.COMPENSATING),
            ((T.COMPLETED, T.UNDO_PARKED, T.FAILED), Turn.UNDO, "a", S.COMPENSATING),
            ((T.UNDONE, T.UNDO_PARKED, T.FAILED), Turn.WAIT, "", S.WAITING_FOR_TSQ),
            ((T.UNDONE, T.UNDO_FAILED, T.FAILED), Turn.REST, "", S.COMPENSATION_FAILED),
            ((T.UNDONE, T.UNDONE, T.WAITING), Turn.REST, "", S.COMPENSATED),
            ((T.COMPLETED, T.SENT, T.WAITING), Turn.WAIT, "", S.COMPENSATING),
        ],
    )
    @pytest.mark.req("S066")
    def test_back(self, states: tuple[StepState, ...], turn: Turn, name: str, state: SagaState) -> None:
        made = saga(*states, back=True)
        assert (*todo(made), made.state) == (turn, name, state)

    def test_what_cannot_be_undone_at_all_is_left(self) -> None:
        made = saga(T.COMPLETED, T.FAILED, back=True, undoable=False)
        assert (made.state, made.ended_at) == (S.COMPENSATED, NOW)

    def test_a_step_that_fails_turns_it(self) -> None:
        made = saga(T.COMPLETED, T.SENT)
        after = made.moved(made.step("b").lost("no-money")).settled(NOW)
        assert (after.back, after.why, todo(after)) == (True, "b: no-money", (Turn.UNDO, "a"))

    def test_stopped_before_it_was_planned_it_is_over(self) -> None:
        made = Saga(uuid4(), "works.trip", "42", {}, "sha256:0", None, NOW, uuid4())
        assert made.turned().settled(NOW).state is S.COMPENSATED


class TestDecisions:
    @pytest.mark.parametrize("made", [saga(T.COMPLETED), saga(T.COMPLETED, T.FAILED, back=True)])
    def test_what_is_over_or_on_its_way_back_is_not_stopped(self, made: Saga) -> None:
        with pytest.raises(WrongProcessState):
            made.turned()

    def test_only_what_could_not_be_undone_is_tried_again(self) -> None:
        left = saga(T.UNDONE, T.UNDO_FAILED, T.FAILED, back=True)
        again = left.retried().settled(NOW)
        assert (again.state, again.ended_at, todo(again)) == (S.COMPENSATING, None, (Turn.UNDO, "b"))
        with pytest.raises(WrongProcessState):
            again.retried()

    def test_each_time_it_is_undone_by_another_command(self) -> None:
        made = saga(T.COMPLETED)
        step = made.step("a")
        assert made.undo_id(step) == "works.trip:42:a:undo"
        assert made.undo_id(step.undone_by(KEY)) == "works.trip:42:a:undo2"
        assert made.command_id(step) == "works.trip:42:a"


class TestSeen:
    ERROR = CommandError("business-rule", "no-money", "")

    @pytest.mark.parametrize(
        ("command", "forth", "back"),
        [
            (record(CommandState.PENDING), T.SENT, T.UNDOING),
            (record(CommandState.RUNNING), T.SENT, T.UNDOING),
            (record(CommandState.RETRY_WAIT, error=ERROR), T.SENT, T.UNDOING),
            (record(CommandState.PARKED, parked=ParkedKind.POISON), T.PARKED, T.UNDO_PARKED),
            (record(CommandState.COMPLETED, result={"x": 1}), T.COMPLETED, T.UNDONE),
            (record(CommandState.FAILED, error=ERROR), T.FAILED, T.UNDO_FAILED),
            (record(CommandState.CANCELED, error=ERROR), T.FAILED, T.UNDO_FAILED),
            (record(CommandState.EXPIRED), T.FAILED, T.UNDO_FAILED),
        ],
    )
    def test_as_its_command_stands(self, command: CommandRecord, forth: StepState, back: StepState) -> None:
        sent = Step("a", undoable=True).sent(KEY, NOW + timedelta(minutes=1))
        assert sent.seen(command).state is forth
        undoing = replace(sent, state=T.COMPLETED, result={"of": "a"}).undone_by(KEY)
        assert (undoing.seen(command).state, undoing.seen(command).result) == (back, {"of": "a"})

    def test_it_says_why(self) -> None:
        sent = Step("a").sent(KEY, None)
        assert sent.seen(record(CommandState.FAILED, error=self.ERROR)).why == "no-money"
        assert sent.seen(record(CommandState.EXPIRED)).why == "expired"
        assert sent.seen(record(CommandState.PARKED, parked=ParkedKind.POISON)).why == "poison"

    def test_results_are_those_of_what_was_done(self) -> None:
        assert saga(T.COMPLETED, T.UNDONE, T.SENT).results == {"a": {"of": "a"}, "b": {"of": "b"}}


class TestShape:
    @pytest.mark.parametrize(
        ("wish", "paths"),
        [
            (Wish("works.trip", "42", {}), []),
            (Wish("trip", "4:2", []), ["/type", "/id", "/data"]),
            (Wish("works." + "x" * 75, "x" * 81, {}), ["/type", "/id"]),
            (Wish("works.trip", "42", {}, 0, causation="nobody"), ["/schema_version", "/causation"]),
        ],
    )
    def test_says_where_it_is_wrong(self, wish: Wish, paths: list[str]) -> None:
        assert [each.path for each in shape_faults(wish)] == paths
