"""A breaker opens after so many failures, lets one through after a rest, and believes what that says."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.commands.breakers import (
    LONGEST_REST,
    Breaker,
    BreakerState,
    Passage,
    Patience,
    WrongBreakerState,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
REST, LEASE = timedelta(seconds=30), timedelta(seconds=60)
USUAL = Patience(3, REST)
ME = UUID(int=7)
S = BreakerState


def failing(breaker: Breaker, times: int, at: datetime = NOON) -> Breaker:
    for _ in range(times):
        breaker = breaker.heard(at, USUAL, answered=False)
    return breaker


class TestClosed:
    @pytest.mark.req("CB-38")
    def test_opens_after_failures_one_after_the_other(self) -> None:
        two = failing(Breaker("crm"), 2)
        assert (two.state, two.failures, two.version, two.passage(NOON)) == (S.CLOSED, 2, 0, Passage.ALL)
        calmed = two.heard(NOON, USUAL, answered=True)
        assert calmed == Breaker("crm")
        opened = failing(two, 1)
        assert (opened.state, opened.until, opened.since, opened.version) == (S.OPEN, NOON + REST, NOON, 1)

    @pytest.mark.req("CB-38")
    @given(answers=st.lists(st.booleans(), max_size=60))
    def test_stays_while_no_row_of_failures_is_long_enough(self, answers: list[bool]) -> None:
        breaker, row, longest = Breaker("crm"), 0, 0
        for answered in answers:
            breaker = breaker.heard(NOON, USUAL, answered=answered)
            row = 0 if answered else row + 1
            longest = max(longest, row)
        assert (breaker.state is S.CLOSED) is (longest < USUAL.failures)


class TestOpen:
    @pytest.mark.req("CB-38")
    def test_rests_and_then_lets_one_through(self) -> None:
        opened = failing(Breaker("crm"), 3)
        assert opened.passage(NOON + REST - timedelta(seconds=1)) is Passage.NOTHING
        assert opened.passage(NOON + REST) is Passage.PROBE

    def test_does_not_hear_what_began_before(self) -> None:
        opened = failing(Breaker("crm"), 3)
        assert opened.heard(NOON, USUAL, answered=True) == opened
        assert opened.heard(NOON, USUAL, answered=False) == opened

    def test_by_a_person_stays_until_a_person_closes_it(self) -> None:
        held = failing(Breaker("crm"), 3).opened(ME, "maintenance tonight", NOON)
        assert (held.held, held.by, held.reason, held.version) == (True, ME, "maintenance tonight", 2)
        assert held.passage(NOON + timedelta(days=9)) is Passage.NOTHING
        assert held.heard(NOON, USUAL, answered=True) == held
        with pytest.raises(WrongBreakerState):
            held.opened(ME, "maintenance tonight", NOON)
        assert held.closed(NOON).passage(NOON) is Passage.ALL
        with pytest.raises(WrongBreakerState):
            held.closed(NOON).closed(NOON)


class TestProbe:
    @pytest.mark.req("CB-38")
    def test_that_is_answered_closes(self) -> None:
        probing = failing(Breaker("crm"), 3).probing(NOON, LEASE)
        assert (probing.state, probing.passage(NOON)) == (S.HALF_OPEN, Passage.NOTHING)
        closed = probing.heard(NOON, USUAL, answered=True)
        assert (closed.state, closed.failures, closed.rests, closed.until) == (S.CLOSED, 0, 0, None)

    @pytest.mark.req("CB-38")
    @given(fails=st.integers(1, 200))
    def test_that_fails_doubles_the_rest_up_to_a_bound(self, fails: int) -> None:
        breaker, rests = failing(Breaker("crm"), 3), []
        for _ in range(fails):
            breaker = breaker.probing(NOON, LEASE).heard(NOON, USUAL, answered=False)
            assert breaker.until is not None
            rests.append(breaker.until - NOON)
        assert breaker.state is S.OPEN
        assert rests == [min(LONGEST_REST, REST * 2 ** min(each, 20)) for each in range(1, fails + 1)]

    def test_that_is_never_heard_of_makes_room_for_another(self) -> None:
        probing = failing(Breaker("crm"), 3).probing(NOON, LEASE)
        assert probing.passage(NOON + LEASE) is Passage.PROBE


class TestAnything:
    @given(
        steps=st.lists(st.sampled_from(["answer", "fail", "probe", "open", "close", "later"]), max_size=80),
    )
    def test_that_happens_leaves_it_so_that_it_can_close_again(self, steps: list[str]) -> None:
        """And a version stands for one state alone."""
        breaker, now = Breaker("crm"), NOON
        seen = {breaker.version: breaker.state}
        for step in steps:
            now += LONGEST_REST * 2 if step == "later" else timedelta(seconds=1)
            if step in {"answer", "fail"}:
                breaker = breaker.heard(now, USUAL, answered=step == "answer")
            elif step == "probe" and breaker.passage(now) is Passage.PROBE:
                breaker = breaker.probing(now, LEASE)
            elif step == "open" and not breaker.held:
                breaker = breaker.opened(ME, "because of the test", now)
            elif step == "close" and breaker.state is not S.CLOSED:
                breaker = breaker.closed(now)
            assert seen.setdefault(breaker.version, breaker.state) is breaker.state
            assert (breaker.until is None) is (breaker.state is S.CLOSED or breaker.held)
        if breaker.state is not S.CLOSED and not breaker.held:
            later = now + LONGEST_REST * 2
            assert breaker.passage(later) is Passage.PROBE
            breaker = breaker.probing(later, LEASE).heard(later, USUAL, answered=True)
            assert breaker.passage(later) is Passage.ALL
