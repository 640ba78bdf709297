"""What a handler raises decides where its command stands, and never more often than it may be tried."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.commands import Command, CommandRecord, CommandState, Options, ParkedKind
from domain.commands.outcomes import BusinessRule, HandlerFailure, PeriodShut, Permanent, RetryAfter, Transient, settled
from domain.commands.policies import TypePolicy

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LEASE, TENANT = UUID(int=7), UUID(int=1)
USUAL = TypePolicy()


def sent(**options: Any) -> CommandRecord:
    command = Command("ledger.post-journal", "42", {"amount": 10}, options=Options(**options))
    return CommandRecord(command, TENANT, "sha256:" + "0" * 64, sender=None, sent_at=NOON, due_at=NOON)


def running(record: CommandRecord) -> CommandRecord:
    return record.leased(LEASE).started()


def raised(error: Exception) -> Exception:
    """As it arrives from a handler: with the place where it was raised."""

    def handler() -> None:
        raise error

    try:
        handler()
    except Exception as caught:  # noqa: BLE001 -- the one above
        return caught
    raise AssertionError


class TestSettled:
    @pytest.mark.req("CB-13")
    def test_transient_failures_rest_longer_each_time_and_are_then_parked(self) -> None:
        record = sent()
        for seconds in (10, 60):
            record = settled(running(record), Transient("busy"), USUAL, NOON)
            assert (record.state, record.due_at - NOON) == (CommandState.RETRY_WAIT, timedelta(seconds=seconds))
        record = settled(running(record), Transient("busy"), USUAL, NOON)
        assert (record.state, record.parked, record.attempt) == (CommandState.PARKED, ParkedKind.EXHAUSTED, 3)

    @pytest.mark.req("CB-14")
    def test_a_command_knows_better_than_its_type_how_often_it_may_be_tried(self) -> None:
        once, often = sent(max_attempts=1), sent(max_attempts=5)
        assert settled(running(once), Transient("busy"), USUAL, NOON).state is CommandState.PARKED
        policy = TypePolicy(max_attempts=1)
        assert settled(running(often), Transient("busy"), policy, NOON).state is CommandState.RETRY_WAIT
        assert settled(running(sent()), Transient("busy"), policy, NOON).state is CommandState.PARKED

    @pytest.mark.req("CB-50")
    def test_what_its_period_does_not_take_is_parked_as_that(self) -> None:
        record = settled(running(sent()), PeriodShut("period-closed"), USUAL, NOON)
        assert (record.state, record.parked) == (CommandState.PARKED, ParkedKind.PERIOD_CLOSED)
        assert record.error is not None
        assert record.error.kind == "period-closed"

    @pytest.mark.req("CB-15")
    def test_permanent_failure_is_parked_at_once(self) -> None:
        record = settled(running(sent()), Permanent("no-account", "there is no account 1200"), USUAL, NOON)
        assert (record.parked, record.attempt) == (ParkedKind.PERMANENT, 1)
        assert record.error is not None
        assert (record.error.code, record.error.message) == ("no-account", "there is no account 1200")

    @pytest.mark.req("CB-16")
    def test_rule_of_the_business_is_an_answer(self) -> None:
        record = settled(running(sent()), BusinessRule("limit-exceeded"), USUAL, NOON)
        assert (record.state, record.parked, record.ended_at) == (CommandState.FAILED, None, NOON)

    @pytest.mark.req("CB-17")
    def test_handler_says_when_it_may_be_tried_again(self) -> None:
        record = settled(running(sent()), RetryAfter(120), USUAL, NOON)
        assert record.due_at - NOON == timedelta(seconds=120)

    @pytest.mark.req("CB-17")
    def test_what_nobody_declared_is_transient_and_keeps_its_text_to_itself(self) -> None:
        record = settled(running(sent()), raised(ValueError("account 1200 of Ada")), USUAL, NOON)
        assert record.state is CommandState.RETRY_WAIT
        assert record.error is not None
        assert record.error.code == "ValueError"
        assert "Ada" not in repr(record.error)
        assert record.error.details == {"raised_at": [f"{__name__}.handler", f"{__name__}.raised"]}

    def test_errors_of_one_cause_have_one_fingerprint(self) -> None:
        def of(error: Exception, record: CommandRecord) -> str | None:
            error_ = settled(running(record), raised(error), USUAL, NOON).error
            return error_.fingerprint if error_ else None

        one = of(ValueError("a"), sent())
        assert one == of(ValueError("b"), sent(priority=9))
        assert one != of(KeyError("a"), sent())
        assert of(Transient("busy"), sent()) != of(Transient("away"), sent())

    @given(
        st.lists(st.sampled_from([Transient("a"), RetryAfter(1), Permanent("b"), BusinessRule("c"), OSError()])),
        st.integers(1, 6),
        st.none() | st.integers(1, 6),
    )
    def test_never_tried_more_often_than_allowed_and_what_ended_stays(
        self, errors: list[Exception], most: int, wanted: int | None
    ) -> None:
        policy, record = TypePolicy(max_attempts=most), sent(max_attempts=wanted)
        for error in errors:
            record = settled(running(record), error, policy, NOON)
            assert record.attempt <= policy.attempts(wanted)
            if record.state is not CommandState.RETRY_WAIT:
                assert record.over or record.parked is not None
                return
            assert record.due_at > NOON


class TestPolicy:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"max_attempts": 0},
            {"backoff": ()},
            {"backoff": (-1,)},
            {"timeout_seconds": 61},
            {"lane": "workflow", "timeout_seconds": 86_401},
            {"lane": "workflow", "posts": "AP"},
            {"lane": "workflow", "heartbeat_seconds": 0},
            {"lane": "workflow", "heartbeat_seconds": 31},
            {"heartbeat_seconds": 1},
            {"lane": "fast"},
            {"promotes_after": 0},
            {"promotes_after": 1, "posts": "AP"},
            {"promotes_after": 1, "lane": "workflow"},
        ],
    )
    def test_nonsense_is_refused_where_it_is_written(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=r"attempt|seconds|workflow|lane"):
            TypePolicy(**wrong)

    def test_what_has_a_workflow_of_its_own_may_take_a_day(self) -> None:
        policy = TypePolicy(lane="workflow", timeout_seconds=86_400, heartbeat_seconds=600)
        assert policy.alone
        assert not TypePolicy().alone

    def test_what_rests_for_long_after_so_many_failures_goes_on_alone(self) -> None:
        policy, record, alone = TypePolicy(promotes_after=2, backoff=(90, 60, 61), max_attempts=9), sent(), []
        for _ in range(4):
            record = settled(running(record), Transient("busy"), policy, NOON)
            alone.append(record.alone)
        assert alone == [False, False, True, True]
        assert settled(running(sent()), RetryAfter(61), TypePolicy(promotes_after=1), NOON).alone
        assert policy.to_json()["promotes_after"] == 2
        assert "promotes_after" not in USUAL.to_json()

    def test_last_rest_stays(self) -> None:
        assert [TypePolicy(backoff=(1, 2)).rest(n).total_seconds() for n in (1, 2, 3, 9)] == [1, 2, 2, 2]

    def test_failures_carry_a_code(self) -> None:
        assert str(HandlerFailure("busy", "the ledger is locked")) == "busy"
