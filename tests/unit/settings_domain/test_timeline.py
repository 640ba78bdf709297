from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.settings import (
    Entry,
    EntryState,
    Held,
    Level,
    NothingPlanned,
    Rewrite,
    ScheduleOverlaps,
    after,
    cancelled,
    inserted,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)
JULY = datetime(2026, 7, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def june(day: int) -> datetime:
    return datetime(2026, 6, day, tzinfo=UTC)


def said(version: int, value: Any, since: datetime = NOW, until: datetime | None = None) -> Entry:
    return Entry(
        version=version, state=EntryState.SET, value=value, enforced=False, constraint=None, since=since, until=until,
        written_by=None, written_at=NOW, change=None, reason="asked for",
    )  # fmt: skip


def done(held: Sequence[Held], rewrite: Rewrite) -> tuple[Held, ...]:
    continues = {each.entry.version: each.continues for each in (*held, *rewrite.puts)}
    return tuple(Held(entry, continues[entry.version]) for entry in after(held, rewrite))


def wished(held: Sequence[Held], *wishes: Entry, at: datetime = NOW) -> tuple[Held, ...]:
    for wish in wishes:
        held = done(held, inserted(held, wish, at))
    return tuple(held)


def told(held: Sequence[Held], at: datetime) -> Any:
    """The value at an instant, None for none."""
    present = Level("", tuple(each.entry for each in held)).standing(at).present
    return None if present is None else present.value


def days(held: Sequence[Held]) -> list[tuple[Any, int, int | None]]:
    """Each value with the days in June from which and until which it holds."""
    ordered = sorted((each.entry for each in held), key=lambda entry: entry.since)
    return [(entry.value, entry.since.day, entry.until.day if entry.until else None) for entry in ordered]


OLD = (Held(said(1, "old")),)


@pytest.mark.req("ST79")
class TestSchedule:
    def test_begins_at_its_instant_and_no_microsecond_sooner(self) -> None:
        held = wished(OLD, said(2, "new", JULY))
        assert told(held, JULY - MICROSECOND) == "old"
        assert told(held, JULY) == "new"

    def test_overlapping_schedule_is_refused(self) -> None:
        held = wished(OLD, said(2, "new", june(10), june(20)))
        for since, until in ((9, 11), (12, 13), (19, 21), (9, 21), (10, 20), (9, None), (15, None)):
            with pytest.raises(ScheduleOverlaps) as refused:
                inserted(held, said(4, "other", june(since), june(until) if until else None), NOW)
            assert refused.value.facts["version"] == 2

    def test_value_for_a_time_from_now_into_a_plan_is_refused(self) -> None:
        held = wished(OLD, said(2, "new", JULY))
        with pytest.raises(ScheduleOverlaps):
            inserted(held, said(3, "other", NOW, JULY + MICROSECOND), NOW)

    def test_schedules_may_touch(self) -> None:
        held = wished(OLD, said(2, "b", june(10), june(20)), said(4, "a", june(5), june(10)), said(6, "c", june(20)))
        assert days(held) == [("old", 1, 5), ("a", 5, 10), ("b", 10, 20), ("c", 20, None)]

    def test_cancelled_before_it_begins_leaves_the_old_value(self) -> None:
        held = wished(OLD, said(2, "new", JULY))
        rewrite = cancelled(held, 2, JULY - MICROSECOND, fresh=3)
        assert rewrite.ends == ((held[-1].entry, None),)
        held = done(held, rewrite)
        assert [told(held, at) for at in (JULY - MICROSECOND, JULY, JULY.replace(year=2036))] == ["old"] * 3
        assert [(each.entry.version, each.continues) for each in held] == [(1, None), (3, 1)]

    def test_cannot_be_cancelled_once_it_has_begun(self) -> None:
        held = wished(OLD, said(2, "new", JULY))
        with pytest.raises(NothingPlanned):
            cancelled(held, 2, JULY, fresh=3)

    def test_cannot_be_cancelled_twice(self) -> None:
        held = wished(OLD, said(2, "new", JULY))
        gone = Held(replace(held[-1].entry, until=JULY))
        with pytest.raises(NothingPlanned):
            cancelled((*OLD, gone), 2, NOW, fresh=3)

    @pytest.mark.parametrize("version", [0, 1, 3, 9])
    def test_only_what_somebody_planned_can_be_cancelled(self, version: int) -> None:
        held = wished(OLD, said(2, "new", june(10), june(20)))
        with pytest.raises(NothingPlanned):
            cancelled(held, version, NOW, fresh=4)


class TestForATime:
    def test_gives_way_to_what_was_there(self) -> None:
        rewrite = inserted(OLD, said(2, "sale", june(2), june(9)), NOW)
        assert days(done(OLD, rewrite)) == [("old", 1, 2), ("sale", 2, 9), ("old", 9, None)]
        assert [(each.entry.version, each.continues) for each in rewrite.puts] == [(2, None), (3, 1)]

    def test_gives_way_to_nothing_where_nothing_was(self) -> None:
        held = wished((), said(1, "sale", NOW, june(9)))
        assert [told(held, at) for at in (NOW, june(9) - MICROSECOND, june(9))] == ["sale", "sale", None]

    def test_one_within_another_gives_way_to_it(self) -> None:
        held = wished(OLD, said(2, "outer", NOW, june(20)))
        held = wished(held, said(4, "inner", june(5), june(10)), at=june(2))
        assert days(held) == [("outer", 1, 5), ("inner", 5, 10), ("outer", 10, 20), ("old", 20, None)]

    def test_replaces_what_was_written_at_the_same_instant(self) -> None:
        rewrite = inserted(OLD, said(2, "new"), NOW)
        assert rewrite.ends == ((OLD[0].entry, None),)
        assert days(done(OLD, rewrite)) == [("new", 1, None)]


class TestWithoutAnEnd:
    def test_over_a_value_for_a_time_holds_after_it_too(self) -> None:
        held = wished(OLD, said(2, "sale", NOW, june(9)))
        held = wished(held, said(4, "new", june(5)), at=june(5))
        assert days(held) == [("sale", 1, 5), ("new", 5, None)]

    def test_holds_until_the_next_plan_and_goes_on_after_it(self) -> None:
        held = wished(OLD, said(2, "sale", june(10), june(12)), said(4, "fair", june(20), june(22)))
        rewrite = inserted(held, said(6, "new", june(3)), june(3))
        assert [(each.entry.version, each.continues) for each in rewrite.puts] == [(6, None), (7, 6), (8, 6)]
        held = done(held, rewrite)
        expected = [
            ("old", 1, 3),
            ("new", 3, 10),
            ("sale", 10, 12),
            ("new", 12, 20),
            ("fair", 20, 22),
            ("new", 22, None),
        ]
        assert days(held) == expected

    def test_gives_way_for_good_to_a_plan_without_an_end(self) -> None:
        held = wished(OLD, said(2, "planned", june(10)), said(3, "new"))
        assert days(held) == [("new", 1, 10), ("planned", 10, None)]

    def test_takes_the_place_of_a_cancelled_plan(self) -> None:
        held = wished(OLD, said(2, "planned", june(10)))
        held = wished(held, said(3, "new", june(3)), at=june(3))
        held = done(held, cancelled(held, 2, june(4), fresh=4))
        assert [told(held, june(day)) for day in (3, 10, 30)] == ["new"] * 3


class TestCancelled:
    """Cancelling is as though nobody had planned it: nothing holds longer than it was meant to."""

    def test_value_for_a_time_ends_when_it_was_to_end(self) -> None:
        before = wished((), said(1, "sale", NOW, june(9)))
        held = wished(before, said(2, "planned", june(9)))
        assert days(done(held, cancelled(held, 2, june(2), fresh=3))) == days(before)

    def test_value_that_the_plan_cut_short_has_its_whole_time_back(self) -> None:
        held = wished((), said(1, "sale", NOW, june(9)), said(2, "planned", june(5)))
        held = done(held, cancelled(held, 2, june(2), fresh=3))
        assert [told(held, june(day)) for day in (5, 8, 9)] == ["sale", "sale", None]

    def test_what_was_there_before_all_of_it_comes_back(self) -> None:
        """The plan displaced every part of the old value that was yet to come: only those who remember it know it."""
        past = replace(OLD[0].entry, until=june(2))
        visible = wished(OLD, said(2, "sale", june(2), june(9)), at=june(2))
        held = wished(visible, said(4, "planned", june(5)), at=june(3))
        known = [Held(past), *(each for each in held if each.entry.version != past.version)]
        rewrite = cancelled(known, 4, june(4), fresh=5)
        puts = [(each.entry.value, each.entry.version, each.continues) for each in rewrite.puts]
        assert puts == [("sale", 5, 2), ("old", 6, 1)]
        assert [told(done(held, rewrite), june(day)) for day in (5, 8, 9, 30)] == ["sale", "sale", "old", "old"]

    def test_between_two_parts_of_a_value_joins_them(self) -> None:
        held = wished(OLD, said(2, "sale", june(2), june(5)), at=june(2))
        held = wished(held, said(4, "fair", june(10), june(20)), at=june(2))
        held = tuple(each for each in held if each.entry.version != 1)  # the past, which is not looked at
        held = done(held, cancelled(held, 4, june(3), fresh=6))
        assert [told(held, june(day)) for day in (4, 5, 10, 20, 30)] == ["sale", *["old"] * 4]

    def test_leaves_other_plans(self) -> None:
        held = wished(OLD, said(2, "a", june(10), june(12)), said(4, "b", june(12), june(14)))
        held = done(held, cancelled(held, 2, NOW, fresh=6))
        assert [told(held, june(day)) for day in (9, 10, 12, 14)] == ["old", "old", "b", "old"]
