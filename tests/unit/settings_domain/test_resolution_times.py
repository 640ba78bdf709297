"""A value holds from its hour to its end, and what comes next is known."""

from datetime import timedelta

import pytest

from domain.settings import Level, TraceState, resolve
from tests.unit.settings_domain.saying import JULY, LIMIT, MICROSECOND, NOW, answer, said, states


class TestTime:
    @pytest.mark.req("ST79")
    def test_scheduled_value_begins_at_its_instant(self) -> None:
        old = said(20, until=JULY)
        new = said(30, version=2, since=JULY)
        chain = [Level("tenant", (new, old))]
        before, after = resolve(LIMIT, chain, JULY - MICROSECOND), resolve(LIMIT, chain, JULY)
        assert (before.value, before.next_change) == (20, JULY)
        assert (after.value, after.next_change) == (30, None)

    @pytest.mark.req("ST79")
    def test_old_value_stays_when_the_schedule_is_cancelled(self) -> None:
        chain = [Level("tenant", (said(20), said(30, version=2, since=JULY, until=JULY)))]
        for at in (NOW, JULY, JULY + MICROSECOND):
            resolution = resolve(LIMIT, chain, at)
            assert (resolution.value, resolution.next_change) == (20, None)

    @pytest.mark.req("ST79")
    def test_schedule_and_its_end_show_in_the_trace(self) -> None:
        end = JULY + timedelta(days=1)
        planned = said(30, since=JULY, until=end)
        coming, gone = answer(("tenant", planned)), answer(("tenant", planned), at=end)
        assert (coming.value, states(coming), coming.next_change) == (10, ["default", "scheduled"], JULY)
        assert (gone.value, states(gone), gone.next_change) == (10, ["default", "expired"], None)
        assert coming.trace[1].entry == gone.trace[1].entry == planned
        assert answer(("tenant", planned), at=JULY).next_change == end

    def test_cancelled_entry_was_never_here(self) -> None:
        assert states(answer(("tenant", said(30, since=NOW, until=NOW)), at=JULY)) == ["default", "none"]

    def test_what_is_planned_is_told_before_what_is_over(self) -> None:
        chain = [Level("tenant", (said(1, until=NOW), said(2, since=JULY), said(3, since=JULY + MICROSECOND)))]
        line = resolve(LIMIT, chain, NOW).trace[1]
        assert line.entry is not None
        assert (line.state, line.entry.value) == (TraceState.SCHEDULED, 2)

    def test_last_to_end_is_the_one_that_expired(self) -> None:
        early, late = said(1, until=NOW - timedelta(days=2)), said(2, until=NOW - timedelta(days=1))
        for entries in ((early, late), (late, early)):
            assert resolve(LIMIT, [Level("tenant", entries)], NOW).trace[1].entry == late

    def test_of_entries_that_overlap_the_last_to_begin_holds(self) -> None:
        campaign = said(30, version=2, since=NOW, until=JULY)
        corrected = said(40, version=3, since=NOW, until=JULY)
        for entries in ((said(20), campaign, corrected), (corrected, campaign, said(20))):
            chain = [Level("tenant", entries)]
            assert resolve(LIMIT, chain, NOW).value == 40
            assert resolve(LIMIT, chain, JULY).value == 20

    def test_what_is_shadowed_changes_nothing(self) -> None:
        resolution = answer(("tenant", said(20, enforced=True)), ("user", said(30, until=JULY)))
        assert resolution.next_change is None

    def test_end_of_an_enforcement_is_a_change(self) -> None:
        resolution = answer(("tenant", said(20, enforced=True, until=JULY)), ("user", said(30)))
        assert resolution.next_change == JULY

    def test_soonest_change_of_any_level_comes_next(self) -> None:
        soon = NOW + timedelta(days=1)
        resolution = answer(("tenant", said(20, until=JULY)), ("user", said(30, since=soon)))
        assert resolution.next_change == soon
