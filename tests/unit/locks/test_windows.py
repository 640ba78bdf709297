"""Hours are those of the clocks on the wall there: whatever these do, a window opens when it says."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.locks import Calendar, Window, parse_window
from domain.locks.windows import DAYS, HORIZON

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE: dict[str, Any] = {"time_zone": "Europe/Berlin", "hours": {day: [["09:00", "17:00"]] for day in DAYS}}


def berlin(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=BERLIN).astimezone(UTC)  # type: ignore[misc, arg-type]  # year, month, day, ...


def spans() -> st.SearchStrategy[list[list[str]]]:
    edges = st.lists(st.integers(0, 1440), min_size=2, max_size=6, unique=True).map(sorted)
    return edges.map(
        lambda found: [[told(a), told(b)] for a, b in zip(found[::2], found[1::2], strict=False)]
    )  # fmt: skip


def told(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


windows = st.builds(
    lambda zone, hours, holidays, calendar: parse_window(
        {"time_zone": zone, "hours": hours, "holidays": [each.isoformat() for each in holidays], "calendar": calendar}
    ),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
    st.dictionaries(st.sampled_from(DAYS), spans(), min_size=1),
    st.lists(st.dates(date(2026, 1, 1), date(2026, 12, 31)), max_size=5),
    st.sampled_from([each.value for each in Calendar]),
)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 -- naive bounds, as it wants them


def open_at(window: Window, at: datetime) -> bool:
    """By the wall clock, minute by minute, as a person would look it up."""
    local = at.astimezone(ZoneInfo(window.time_zone))
    if local.date() in window.holidays or (window.calendar is Calendar.BUSINESS and local.weekday() > 4):
        return False
    minute = local.hour * 60 + local.minute
    return any(span.opens <= minute < span.closes for span in window.hours[local.weekday()])


class TestNextOpening:
    @given(windows, moments)
    def test_is_open_by_the_wall_clock_and_never_before_it_is_asked(self, window: Window, at: datetime) -> None:
        opening = window.next_opening(at)
        if opening is not None:
            assert opening >= at
            assert open_at(window, opening)

    @given(windows, moments)
    def test_is_now_exactly_while_it_is_open(self, window: Window, at: datetime) -> None:
        assert (window.next_opening(at) == at) is open_at(window, at)

    @given(windows, moments, st.integers(1, 600))
    def test_leaves_no_opening_out(self, window: Window, at: datetime, minutes: int) -> None:
        opening, later = window.next_opening(at), at + timedelta(minutes=minutes)
        if open_at(window, later):
            assert opening is not None
            assert opening <= later

    def test_skips_weekends_and_holidays(self) -> None:
        window = parse_window({**OFFICE, "calendar": "business", "holidays": ["2026-12-28"]})
        assert window.next_opening(berlin(2026, 12, 25, 17)) == berlin(2026, 12, 29, 9)

    def test_an_hour_that_never_comes_is_not_waited_for(self) -> None:
        window = parse_window({"time_zone": "Europe/Berlin", "hours": {"sun": [["02:00", "03:00"]]}})
        assert window.next_opening(berlin(2026, 3, 29, 0)) == berlin(2026, 4, 5, 2)

    def test_an_hour_that_comes_twice_is_open_twice(self) -> None:
        window = parse_window({"time_zone": "Europe/Berlin", "hours": {"sun": [["02:00", "03:00"]]}})
        twice = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
        assert [window.next_opening(at) for at in twice] == list(twice)

    def test_of_a_window_that_never_opens_there_is_none(self) -> None:
        window = parse_window({"time_zone": "UTC", "hours": {"sat": [["09:00", "12:00"]]}, "calendar": "business"})
        assert window.next_opening(datetime(2026, 1, 1, tzinfo=UTC)) is None
        assert timedelta(days=366) < HORIZON


class TestParsing:
    @given(windows)
    def test_reads_what_it_wrote(self, window: Window) -> None:
        if any(window.hours):
            assert parse_window(window.to_json()) == window

    @pytest.mark.parametrize(
        ("raw", "path"),
        [
            ([], ""),
            ({**OFFICE, "more": 1}, "/more"),
            ({**OFFICE, "time_zone": "Mars/Base"}, "/time_zone"),
            ({**OFFICE, "time_zone": 7}, "/time_zone"),
            ({**OFFICE, "time_zone": "../etc/passwd"}, "/time_zone"),
            ({**OFFICE, "hours": {}}, "/hours"),
            ({**OFFICE, "hours": {"someday": []}}, "/hours/someday"),
            ({**OFFICE, "hours": {"mon": "always"}}, "/hours/mon"),
            ({**OFFICE, "hours": {"mon": [["17:00", "09:00"]]}}, "/hours/mon/0"),
            ({**OFFICE, "hours": {"mon": [["09:00", "25:00"]]}}, "/hours/mon/0"),
            ({**OFFICE, "hours": {"mon": [["09:00:30", "10:00"]]}}, "/hours/mon/0"),
            ({**OFFICE, "hours": {"mon": [["09:00", "12:00"], ["11:00", "13:00"]]}}, "/hours/mon/1"),
            ({**OFFICE, "holidays": ["Christmas"]}, "/holidays/0"),
            ({**OFFICE, "holidays": "all"}, "/holidays"),
            ({**OFFICE, "calendar": "lunar"}, "/calendar"),
        ],
    )
    def test_says_what_is_wrong(self, raw: Any, path: str) -> None:
        with pytest.raises(Invalid) as refused:
            parse_window(raw)
        assert [fault.path for fault in refused.value.faults] == [path]
