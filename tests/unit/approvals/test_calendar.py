from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.approvals import ApprovalPolicy, Calendar, parse_policy
from domain.errors import Invalid

OFFICE = {"time_zone": "Europe/Zurich", "hours": {day: ["09:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")},
          "holidays": ["2026-04-06"]}  # fmt: skip
HOUR = timedelta(hours=1)
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 -- given one
SPANS = st.integers(1, 400).map(lambda quarters: quarters * timedelta(minutes=15))


def calendar(raw: Any = None) -> Calendar:
    found = parse_policy({"calendar": raw or OFFICE}).calendar
    assert found is not None
    return found


def zurich(*moment: int) -> datetime:
    return datetime(*moment, tzinfo=ZoneInfo("Europe/Zurich"))  # type: ignore[misc,arg-type]  # year, month, day, hour


def faults(raw: Any) -> list[str]:
    with pytest.raises(Invalid) as refused:
        parse_policy({"calendar": raw})
    return [fault.path for fault in refused.value.faults]


class TestCalendar:
    @pytest.mark.parametrize(
        ("origin", "hours", "end"),
        [
            (zurich(2026, 3, 4, 10), 2, zurich(2026, 3, 4, 12)),
            (zurich(2026, 3, 4, 16), 2, zurich(2026, 3, 5, 10)),
            (zurich(2026, 3, 6, 16), 2, zurich(2026, 3, 9, 10)),
            (zurich(2026, 3, 7, 3), 8, zurich(2026, 3, 9, 17)),
            (zurich(2026, 3, 27, 12), 24, zurich(2026, 4, 1, 12)),  # clocks go forward in between
            (zurich(2026, 4, 3, 16), 2, zurich(2026, 4, 7, 10)),  # the Monday is a holiday
        ],
    )
    def test_counts_the_hours_in_which_it_is_open(self, origin: datetime, hours: int, end: datetime) -> None:
        assert calendar().after(origin, hours * HOUR) == end

    @given(MOMENTS, SPANS, SPANS)
    def test_time_adds_up(self, origin: datetime, one: timedelta, two: timedelta) -> None:
        office = calendar()
        assert office.after(office.after(origin, one), two) == office.after(origin, one + two)

    @given(MOMENTS, st.lists(SPANS, min_size=2).map(sorted))
    def test_never_ends_before_so_much_time_has_passed_nor_out_of_order(
        self, origin: datetime, spans: list[timedelta]
    ) -> None:
        ends = [calendar().after(origin, span) for span in spans]
        assert all(end - origin >= span for end, span in zip(ends, spans, strict=True))
        assert all(before <= after for before, after in pairwise(ends))

    @given(MOMENTS, SPANS)
    def test_ends_while_it_is_open(self, origin: datetime, span: timedelta) -> None:
        end = calendar().after(origin, span).astimezone(ZoneInfo("Europe/Zurich"))
        assert end.weekday() < 5
        assert end.date() != date(2026, 4, 6)
        assert 9 * HOUR < timedelta(hours=end.hour, minutes=end.minute, seconds=end.second + 1) <= 17 * HOUR + HOUR / 60

    def test_that_is_always_shut_counts_as_if_it_were_open(self) -> None:
        shut = Calendar("UTC", ((),) * 7)
        assert shut.after(datetime(2026, 1, 1, tzinfo=UTC), HOUR) == datetime(2026, 1, 1, 1, tzinfo=UTC)

    def test_comes_back_as_it_was_written(self) -> None:
        policy = parse_policy({"calendar": {**OFFICE, "hours": {"mon": ["00:00-12:00", "13:00-24:00"]}}})
        assert parse_policy(policy.to_json()) == policy
        assert "calendar" not in ApprovalPolicy().to_json()

    @pytest.mark.parametrize(
        ("raw", "paths"),
        [
            (5, [""]),
            ({}, ["/hours"]),
            ({**OFFICE, "time_zone": "Mars/Base"}, ["/time_zone"]),
            ({**OFFICE, "time_zone": 5}, ["/time_zone"]),
            ({**OFFICE, "holidays": ["soon"]}, ["/holidays"]),
            ({**OFFICE, "hours": {"mon": ["17:00-09:00"], "som": []}}, ["/hours/som", "/hours/mon"]),
            ({**OFFICE, "hours": {"mon": ["09:00-12:00", "11:00-13:00"], "tue": "all"}}, ["/hours/mon", "/hours/tue"]),
            ({**OFFICE, "hours": {"mon": ["09:00-24:30"]}}, ["/hours/mon"]),
        ],
    )
    def test_every_fault_has_a_pointer(self, raw: Any, paths: list[str]) -> None:
        assert faults(raw) == [f"/calendar{path}" for path in paths]
