"""What a command says, and where it may go from where it stands."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.commands import (
    ALLOWED,
    HEAD_START,
    MOST_CRASHES,
    OVER,
    Command,
    CommandError,
    CommandRecord,
    CommandState,
    Options,
    ParkedKind,
    WrongCommandState,
    caused,
    differing,
    fingerprint,
    shape_faults,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LEASE = UUID(int=1)
WRONG = CommandError("transient", "timeout", "it took too long")


def asked(payload: Any = None, **options: Any) -> Command:
    return Command("ledger.post-journal", "42", {"amount": 1} if payload is None else payload, 1, Options(**options))


def record(state: CommandState = CommandState.PENDING, **facts: Any) -> CommandRecord:
    command = asked(correlation=UUID(int=2))
    return CommandRecord(command, uuid4(), fingerprint(command), None, NOW, NOW, state, **facts)


def running(**facts: Any) -> CommandRecord:
    return record(**facts).leased(LEASE).started()


class TestFingerprints:
    @pytest.mark.req("CB-04")
    def test_are_of_the_content_however_it_is_written(self) -> None:
        first = asked({"a": 1, "b": [1.0, {"x": None, "y": "é"}]})
        assert fingerprint(first) == fingerprint(asked({"b": [1, {"y": "é", "x": None}], "a": 1.0}))
        east = timezone(timedelta(hours=5))
        assert fingerprint(asked(not_before=NOW)) == fingerprint(asked(not_before=NOW.astimezone(east)))

    def test_are_the_same_whatever_it_belongs_to(self) -> None:
        others = {"correlation": uuid4(), "causation": "a/1", "change": uuid4(), "alone": True}
        assert fingerprint(asked(**others)) == fingerprint(asked())

    @pytest.mark.parametrize(
        "other",
        [
            {"not_before": NOW},
            {"expires_at": NOW},
            {"priority": 6},
            {"ordering_key": "a"},
            {"max_attempts": 4},
            {"entity": "de"},
            {"effective_date": NOW.date()},
            {"payload": {"amount": 2}},
        ],
    )
    @pytest.mark.req("CB-05")
    def test_tell_what_changes_what_happens(self, other: dict[str, Any]) -> None:
        assert fingerprint(asked(**other)) != fingerprint(asked())
        assert differing(asked(), asked(**other)) == list(other)


class TestCauses:
    @pytest.mark.req("CB-09")
    def test_are_named_by_what_a_handler_sends(self) -> None:
        parent = asked(correlation=UUID(int=2), change=UUID(int=3))
        child = caused(Command("sales.ship-order", "7", {}), parent)
        assert child.options == Options(causation="ledger/42", correlation=UUID(int=2), change=UUID(int=3))

    def test_leave_what_it_says_itself(self) -> None:
        own = Options(correlation=UUID(int=8), change=UUID(int=9), priority=1)
        child = caused(Command("sales.ship-order", "7", {}, 1, own), asked(correlation=UUID(int=2)))
        assert (child.options.correlation, child.options.change, child.options.priority) == (
            UUID(int=8),
            UUID(int=9),
            1,
        )


class TestShape:
    def test_is_good(self) -> None:
        whole = asked(
            not_before=NOW, expires_at=NOW + timedelta(seconds=1), priority=0, causation="a-b/1:2", max_attempts=1
        )
        assert shape_faults(whole) == []

    @pytest.mark.parametrize(
        "type_", ["", "ledger", "ledger.", ".post", "Ledger.post", "ledger.post.it", "ledger.post\n"]
    )
    def test_has_a_type_of_two_words(self, type_: str) -> None:
        assert [each.path for each in shape_faults(Command(type_, "1", {}))] == ["/type"]

    @pytest.mark.parametrize("id_", ["", "a/b", "a b", "-a", "é", "a" * 201, "a\n"])
    def test_has_an_id_for_addresses(self, id_: str) -> None:
        assert [each.path for each in shape_faults(Command("a.b", id_, {}), "/commands/3")] == ["/commands/3/id"]

    @pytest.mark.parametrize(
        ("wrong", "path"),
        [
            ({"payload": []}, "/payload"),
            ({"priority": 10}, "/priority"),
            ({"max_attempts": 0}, "/max_attempts"),
            ({"ordering_key": "a\nb"}, "/ordering_key"),
            ({"causation": "42"}, "/causation"),
            ({"entity": ""}, "/entity"),
            ({"not_before": NOW.replace(tzinfo=None)}, "/not_before"),
            ({"expires_at": NOW.replace(tzinfo=None), "not_before": NOW}, "/expires_at"),
            ({"expires_at": NOW, "not_before": NOW}, "/expires_at"),
        ],
    )
    def test_has_options_that_can_be(self, wrong: dict[str, Any], path: str) -> None:
        assert [each.path for each in shape_faults(asked(**wrong))] == [path]
        assert [each.path for each in shape_faults(Command("a.b", "1", {}, 0))] == ["/schema_version"]


class TestMoves:
    def test_of_one_that_goes_well(self) -> None:
        done = running().completed({"entry": 7}, NOW)
        assert (done.state, done.attempt, done.lease, done.result, done.ended_at) == (
            CommandState.COMPLETED, 1, None, {"entry": 7}, NOW,
        )  # fmt: skip
        assert done.over

    def test_of_one_that_is_tried_again(self) -> None:
        again = running().waiting(NOW + timedelta(minutes=1), WRONG)
        assert (again.state, again.due_at, again.error, again.lease) == (
            CommandState.RETRY_WAIT, NOW + timedelta(minutes=1), WRONG, None,
        )  # fmt: skip
        assert again.leased(LEASE).started().attempt == 2

    def test_to_an_end_or_a_person(self) -> None:
        assert running().failed(WRONG, NOW).state is CommandState.FAILED
        assert record().leased(LEASE).lapsed(NOW).ended_at == NOW
        parked = running().parked_as(ParkedKind.PERMANENT, WRONG)
        assert (parked.state, parked.parked, parked.over, parked.lease) == (
            CommandState.PARKED, ParkedKind.PERMANENT, False, None,
        )  # fmt: skip

    @pytest.mark.req("CB-24")
    def test_of_one_whose_workers_vanish(self) -> None:
        victim = record()
        for crash in range(1, MOST_CRASHES):
            victim = victim.leased(LEASE).crashed(WRONG)
            assert (victim.state, victim.crashes, victim.attempt) == (CommandState.PENDING, crash, 0)
        poison = victim.leased(LEASE).started().crashed(WRONG)
        assert (poison.state, poison.parked, poison.crashes) == (CommandState.PARKED, ParkedKind.POISON, MOST_CRASHES)

    @pytest.mark.req("CB-31")
    def test_of_one_that_is_given_back(self) -> None:
        waiting = record()
        assert waiting.leased(LEASE).returned() == waiting
        back = running(attempt=2).returned()
        assert (back.state, back.attempt, back.crashes, back.lease) == (CommandState.PENDING, 2, 0, None)

    @given(st.sampled_from(CommandState), st.sampled_from(sorted(CommandState)))
    def test_are_made_only_from_where_they_may_be(self, state: CommandState, to: CommandState) -> None:
        leased = {"lease": LEASE} if state in {CommandState.DISPATCHED, CommandState.RUNNING} else {}
        there = record(state, **leased)
        ways: dict[CommandState, Callable[[], CommandRecord]] = {
            CommandState.DISPATCHED: lambda: there.leased(LEASE),
            CommandState.RUNNING: there.started,
            CommandState.COMPLETED: lambda: there.completed(None, NOW),
            CommandState.FAILED: lambda: there.failed(WRONG, NOW),
            CommandState.RETRY_WAIT: lambda: there.waiting(NOW, WRONG),
            CommandState.PARKED: lambda: there.parked_as(ParkedKind.SCHEMA, WRONG),
            CommandState.EXPIRED: lambda: there.lapsed(NOW),
            CommandState.PENDING: there.returned,
            CommandState.CANCELED: lambda: there.stopped(WRONG, NOW),
        }
        if to in ALLOWED.get(state, ()):
            assert ways[to]().state is to
            return
        with pytest.raises(WrongCommandState):
            ways[to]()

    def test_of_what_is_over_there_are_none(self) -> None:
        assert OVER.isdisjoint(ALLOWED)
        for state in OVER:
            with pytest.raises(WrongCommandState):
                record(state).crashed(WRONG)


class TestRank:
    @pytest.mark.req("CB-32")
    @given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 3600))
    def test_is_some_minutes_for_priority_and_never_more(self, mine: int, other: int, seconds: int) -> None:
        def of(priority: int, due: datetime) -> datetime:
            command = asked(priority=priority, correlation=LEASE)
            return CommandRecord(command, LEASE, "", None, due, due).rank

        waited = timedelta(seconds=seconds)
        assert (of(mine, NOW) < of(other, NOW + waited)) == (waited > (other - mine) * HEAD_START)
