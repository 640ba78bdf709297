from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from domain.errors import Refusal
from domain.periods import (
    AdjustmentForbidden,
    AdjustmentsOnly,
    GateKey,
    NotAdjustable,
    Operation,
    PeriodClosed,
    PeriodGate,
    PeriodLocked,
    PeriodName,
    PeriodPending,
    Posting,
    RunTokenMissing,
    Status,
    check,
    refusal,
)

KEY = GateKey("de", UUID(int=3), "AP")
MARCH = PeriodName("2024", 3, "March 2024")
T, A, C, R = Operation.TRANSACTION, Operation.ADJUSTMENT, Operation.CLOSING, Operation.REPORTING
ALL, ADJUST, NONE = Posting.ALL, Posting.ADJUST_ONLY, Posting.NONE
Refused = type[Refusal] | None


def gate(status: Status, posting: Posting = NONE) -> PeriodGate:
    return replace(PeriodGate.pending(KEY), status=status, posting=posting, epoch=7)


def ask(
    status: Status, posting: Posting, operation: Operation, *,
    may_adjust: bool = False, excepted: bool = False, run_token: bool = False,
) -> Refused:  # fmt: skip
    try:
        check(gate(status, posting), MARCH, operation, may_adjust=may_adjust, excepted=excepted, run_token=run_token)
    except Refusal as refused:
        return type(refused)
    return None


TABLE: list[tuple[Status, Posting, dict[Operation, Refused]]] = [
    (Status.PENDING, NONE, {T: PeriodPending, A: PeriodPending, C: PeriodPending, R: None}),
    (Status.OPEN, ALL, {T: None, A: None, C: RunTokenMissing, R: None}),
    (Status.OPEN, ADJUST, {T: AdjustmentsOnly, A: AdjustmentForbidden, C: RunTokenMissing, R: None}),
    (Status.OPEN, NONE, {T: NotAdjustable, A: NotAdjustable, C: RunTokenMissing, R: None}),
    (Status.CLOSED, NONE, {T: PeriodClosed, A: PeriodClosed, C: PeriodClosed, R: None}),
    (Status.LOCKED, NONE, {T: PeriodLocked, A: PeriodLocked, C: PeriodLocked, R: None}),
]


class TestTable:
    @pytest.mark.req("FP32", "FP33", "FP34")
    @pytest.mark.parametrize(("status", "posting", "answers"), TABLE)
    def test_without_permission_token_or_exception(
        self, status: Status, posting: Posting, answers: dict[Operation, Refused]
    ) -> None:
        assert {operation: ask(status, posting, operation) for operation in Operation} == answers

    @pytest.mark.req("FP33")
    @pytest.mark.parametrize(("status", "posting", "answers"), TABLE)
    def test_the_permission_opens_a_soft_closed_period_to_adjustments_alone(
        self, status: Status, posting: Posting, answers: dict[Operation, Refused]
    ) -> None:
        changed = {A: None} if posting is ADJUST else {}
        given = {operation: ask(status, posting, operation, may_adjust=True) for operation in Operation}
        assert given == {**answers, **changed}

    @pytest.mark.parametrize(("status", "posting", "answers"), TABLE)
    def test_a_run_token_opens_an_open_period_to_closing_entries_alone(
        self, status: Status, posting: Posting, answers: dict[Operation, Refused]
    ) -> None:
        changed = {C: None} if status is Status.OPEN else {}
        given = {operation: ask(status, posting, operation, run_token=True) for operation in Operation}
        assert given == {**answers, **changed}

    @pytest.mark.req("FP36")
    @pytest.mark.parametrize(("status", "posting", "answers"), TABLE)
    def test_an_exception_opens_what_is_open_or_closed_and_never_what_is_pending_or_locked(
        self, status: Status, posting: Posting, answers: dict[Operation, Refused]
    ) -> None:
        changed = {T: None, A: None} if status in (Status.OPEN, Status.CLOSED) else {}
        given = {operation: ask(status, posting, operation, excepted=True) for operation in Operation}
        assert given == {**answers, **changed}


SENTENCES = [
    (Status.PENDING, NONE, T, "Period 'March 2024' is not open yet."),
    (Status.OPEN, ADJUST, T, "Period 'March 2024' is locked."),
    (Status.OPEN, ADJUST, A, "Period 'March 2024' takes adjustments only from people who may make them."),
    (Status.OPEN, NONE, A, "Period 'March 2024' is locked and does not allow adjustments."),
    (Status.OPEN, ALL, C, "Closing entries of period 'March 2024' are posted by the close itself."),
    (Status.CLOSED, NONE, T, "Period 'March 2024' is closed and cannot be modified."),
    (Status.LOCKED, NONE, A, "Period 'March 2024' is locked for good."),
]


class TestRefusals:
    @pytest.mark.req("FP33", "FP34")
    @pytest.mark.parametrize(("status", "posting", "operation", "sentence"), SENTENCES)
    def test_name_the_period_and_say_where_the_gate_stands(
        self, status: Status, posting: Posting, operation: Operation, sentence: str
    ) -> None:
        with pytest.raises(Refusal) as refused:
            check(gate(status, posting), MARCH, operation, may_adjust=False, excepted=False, run_token=False)
        assert str(refused.value) == sentence
        assert refused.value.facts == {
            "entity": "de",
            "scope": "AP",
            "period": {"year": "2024", "number": 3, "name": "March 2024"},
            "gate": status.value,
            "posting": posting.value,
            "epoch": 7,
        }

    def test_speak_of_any_period_where_none_is_named(self) -> None:
        assert str(PeriodClosed()) == "Period 'X' is closed and cannot be modified."


@pytest.mark.req("FP31", "SM-D11")
class TestUnknown:
    @pytest.mark.parametrize("status", [None, "", " ", "OPEN", "ajar"])
    def test_a_status_that_is_not_one_makes_no_gate(self, status: Any) -> None:
        with pytest.raises(ValueError, match="is not a valid Status"):
            Status(status)

    def test_an_open_gate_whose_posting_rule_nobody_knows_lets_nothing_in(self) -> None:
        odd = replace(gate(Status.OPEN), posting="ajar")  # type: ignore[arg-type]  # what no parser lets through
        for operation in (T, A):
            assert refusal(odd, operation, may_adjust=False, run_token=True) is not None
