"""A series begins what may begin, no more at once than was asked, and nothing once one of its closes has failed."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.closures import RunState
from domain.closures.refusals import SeriesOver, WrongSeriesState
from domain.closures.series import (
    MOST_MEMBERS,
    Member,
    MemberState,
    Series,
    SeriesState,
    chain,
    check_members,
    in_hand,
)
from domain.errors import Invalid

WHO, OTHER = UUID(int=1), UUID(int=2)
WHEN = datetime(2025, 2, 1, tzinfo=UTC)


def member(entity: str, period: str = "2025-01", *after: str) -> Member:
    return Member(entity, uuid4(), period, after=after)


def series(*members: Member, **given: Any) -> Series:
    return Series(UUID(int=9), UUID(int=8), WHO, "month end", WHEN, members, **given)


def months() -> Series:
    return series(*chain(member("de", f"2025-0{number}") for number in (1, 2, 3)))


def keys(members: tuple[Member, ...]) -> list[str]:
    return [each.key for each in members]


def begun(before: Series, key: str, *, joined: bool = False) -> Series:
    found = before.member(key)
    assert found is not None
    return before.moved(found.begun(uuid4(), joined=joined))


def ended(before: Series, key: str, state: RunState = RunState.CLOSED) -> Series:
    found = before.member(key)
    assert found is not None
    return before.moved(found.ended(state)).settled()


@pytest.mark.req("FP46")
class TestInOrder:
    def test_each_begins_when_the_one_before_it_is_closed(self) -> None:
        now = months()
        for number in (1, 2, 3):
            key = f"de/2025-0{number}"
            assert keys(now.due) == [key]
            now = begun(now, key)
            assert now.due == ()
            assert now.settled() == now
            now = ended(now, key)
        assert now.state is SeriesState.CLOSED

    def test_the_first_that_fails_stops_it_and_what_was_closed_stays_closed(self) -> None:
        now = ended(begun(months(), "de/2025-01"), "de/2025-01")
        now = ended(begun(now, "de/2025-02"), "de/2025-02", RunState.REJECTED)
        assert (now.state, now.why) == (SeriesState.STOPPED, "de/2025-02: rejected")
        assert [each.state.value for each in now.members] == ["closed", "failed", "waiting"]
        assert now.due == ()

    def test_resumed_it_goes_on_with_what_failed_in_the_name_of_whoever_resumes_it(self) -> None:
        now = ended(begun(months(), "de/2025-01"), "de/2025-01", RunState.TIMED_OUT).resumed(OTHER)
        assert (now.state, now.requester, keys(now.due)) == (SeriesState.RUNNING, OTHER, ["de/2025-01"])


class TestSideBySide:
    def test_so_many_at_once_and_the_parent_last(self) -> None:
        parent = member("holding", "2025-01", "de/2025-01", "at/2025-01", "fr/2025-01")
        now = series(parent, *(member(entity) for entity in ("de", "at", "fr")), at_once=2)
        assert keys(now.due) == ["de/2025-01", "at/2025-01"]
        now = begun(begun(now, "de/2025-01"), "at/2025-01")
        assert now.due == ()
        now = ended(now, "at/2025-01")
        assert keys(now.due) == ["fr/2025-01"]
        now = ended(ended(begun(now, "fr/2025-01"), "fr/2025-01"), "de/2025-01")
        assert keys(now.due) == ["holding/2025-01"]

    def test_what_goes_on_beside_a_failure_goes_on(self) -> None:
        now = series(member("de"), member("at"), member("fr"), at_once=2)
        now = begun(begun(now, "de/2025-01"), "at/2025-01")
        now = ended(now, "de/2025-01", RunState.REJECTED)
        assert (now.state, now.due) == (SeriesState.RUNNING, ())
        now = ended(now, "at/2025-01")
        assert [each.state for each in now.members] == [MemberState.FAILED, MemberState.CLOSED, MemberState.WAITING]
        assert now.state is SeriesState.STOPPED


class TestAborted:
    def test_it_ends_what_it_began_and_leaves_what_it_joined(self) -> None:
        now = begun(begun(series(member("de"), member("at"), at_once=2), "de/2025-01"), "at/2025-01", joined=True)
        now = now.aborted("aborted", OTHER, "wrong month")
        assert (now.state, keys(now.to_abort), now.due) == (SeriesState.ABORTING, ["de/2025-01"], ())
        assert ended(now, "de/2025-01", RunState.ABORTED).state is SeriesState.ABORTED

    def test_what_rests_is_over_at_once(self) -> None:
        now = ended(begun(months(), "de/2025-01"), "de/2025-01", RunState.REJECTED).aborted("aborted", OTHER, "enough")
        assert now.state is SeriesState.ABORTED
        with pytest.raises(SeriesOver):
            now.aborted("aborted")
        with pytest.raises(SeriesOver):
            now.resumed(OTHER)

    def test_what_did_not_fail_is_not_resumed_and_what_is_aborted_not_aborted_again(self) -> None:
        with pytest.raises(WrongSeriesState):
            months().resumed(OTHER)
        ending = begun(months(), "de/2025-01").aborted("aborted")
        with pytest.raises(WrongSeriesState):
            ending.resumed(OTHER)
        with pytest.raises(WrongSeriesState):
            ending.aborted("aborted")


class TestMembers:
    def test_each_is_named_once_waits_for_others_of_them_and_in_no_circle(self) -> None:
        for members in (
            (),
            (member("de"), member("de")),
            (member("de", "2025-01", "at/2025-01"),),
            (member("de", "2025-01", "at/2025-01"), member("at", "2025-01", "de/2025-01")),
            tuple(member(f"e{number}") for number in range(MOST_MEMBERS + 1)),
        ):
            with pytest.raises(Invalid):
                check_members(members)

    def test_what_is_closed_before_one_is_all_that_it_comes_after_however_far(self) -> None:
        now = months()
        parent = replace(member("holding"), after=("de/2025-03",))
        assert in_hand([*now.members, parent], "holding/2025-01") == {"de/2025-01", "de/2025-02", "de/2025-03"}
        assert in_hand(now.members, "de/2025-01") == frozenset()
