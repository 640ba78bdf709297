from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.calendars import NaiveInstant, day_meant, first_instant, fiscal_year, local_date, period_on, time_zone
from domain.errors import Invalid
from tests.unit.calendars.companies import MONTHS

NEW_YORK, KUALA_LUMPUR = "America/New_York", "Asia/Kuala_Lumpur"
ZONES = [NEW_YORK, KUALA_LUMPUR, "UTC", "Pacific/Kiritimati", "Pacific/Apia", "America/Sao_Paulo", "Asia/Beirut",
         "America/St_Johns", "Africa/Cairo", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Kwajalein",
         "America/Toronto", "Europe/Dublin"]  # fmt: skip
DAYS = st.dates(date(1901, 1, 2), date(2300, 12, 31))
MICROSECOND = timedelta(microseconds=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


class TestLocalDate:
    @pytest.mark.req("FP27")
    @pytest.mark.parametrize(
        ("zone", "instant", "local", "month"),
        [
            (NEW_YORK, "2024-04-01T03:30:00Z", "2024-03-31", 3),
            (KUALA_LUMPUR, "2024-03-31T16:30:00Z", "2024-04-01", 4),
            ("UTC", "2024-03-31T23:59:59.999999Z", "2024-03-31", 3),
        ],
    )
    def test_the_clocks_of_the_entity_say_which_period_an_instant_is_in(
        self, zone: str, instant: str, local: str, month: int
    ) -> None:
        day = local_date(at(instant), zone)
        assert day == date.fromisoformat(local)
        assert period_on([fiscal_year(MONTHS, 2024)], day)[1].number == month

    @pytest.mark.req("FP28")
    @pytest.mark.parametrize(
        ("zone", "instant", "local"),
        [
            ("Pacific/Kiritimati", "2024-12-31T10:00:00Z", "2025-01-01"),
            ("Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29"),
            ("Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31"),
        ],
    )
    def test_at_the_line_where_the_date_changes(self, zone: str, instant: str, local: str) -> None:
        assert local_date(at(instant), zone) == date.fromisoformat(local)

    @pytest.mark.req("FP28")
    def test_a_month_has_its_days_even_where_the_clocks_skipped_one(self) -> None:
        assert fiscal_year(MONTHS, 2011).periods[11].days == 31


class TestFirstInstant:
    @pytest.mark.req("FP29")
    @pytest.mark.parametrize(
        ("zone", "day", "instant"),
        [
            (NEW_YORK, "2024-04-01", "2024-04-01T04:00:00Z"),
            (KUALA_LUMPUR, "2024-04-01", "2024-03-31T16:00:00Z"),
            ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z"),
            ("Asia/Beirut", "2024-03-31", "2024-03-30T22:00:00Z"),
            ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"),
            ("America/Toronto", "1919-03-31", "1919-03-31T04:30:00Z"),
        ],
    )
    def test_a_day_begins_when_the_clocks_first_show_it(self, zone: str, day: str, instant: str) -> None:
        assert first_instant(date.fromisoformat(day), zone) == at(instant)

    @given(st.sampled_from(ZONES), DAYS)
    def test_just_before_the_clocks_show_another_day(self, zone: str, day: date) -> None:
        began = first_instant(day, zone)
        assert local_date(began - MICROSECOND, zone) < day <= local_date(began, zone)

    def test_of_a_midnight_that_comes_twice_the_first_is_taken(self) -> None:
        """At 00:01 on 7 November 2010 the clocks of St. John's went back to 23:01 on the 6th."""
        began = first_instant(date(2010, 11, 7), "America/St_Johns")
        assert began == at("2010-11-07T02:30:00Z")
        assert local_date(began + timedelta(minutes=2), "America/St_Johns") == date(2010, 11, 6)


class TestDayMeant:
    @pytest.mark.req("FP30")
    @pytest.mark.parametrize("raw", ["2024-03-31T12:00:00", "2024-03-31T12:00", "2024-03-31 12:00:00.5"])
    def test_an_instant_without_an_offset_is_refused(self, raw: str) -> None:
        with pytest.raises(NaiveInstant) as refused:
            day_meant(raw, NEW_YORK, "/on")
        assert [fault.path for fault in refused.value.faults] == ["/on"]
        with pytest.raises(NaiveInstant):
            local_date(datetime(2024, 3, 31), NEW_YORK)  # noqa: DTZ001 -- the point

    @pytest.mark.req("FP30")
    @pytest.mark.parametrize("zone", ZONES)
    def test_a_date_is_a_date_of_the_entity(self, zone: str) -> None:
        assert day_meant("2024-03-31", zone) == date(2024, 3, 31)

    def test_an_instant_is_the_date_there(self) -> None:
        assert day_meant("2024-04-01T03:30:00Z", NEW_YORK) == date(2024, 3, 31)
        assert day_meant("2024-04-01t03:30:00.25+00:00", NEW_YORK) == date(2024, 3, 31)

    @pytest.mark.parametrize(
        "raw",
        [None, 20240331, "", "today", "2024-02-30", "2024-3-31", "20240331", "2024-W13-7", "2024-04-01T25:00:00Z",
         "1899-12-31", "3000-01-01", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2024-03-31Z"],
    )  # fmt: skip
    def test_what_is_neither_is_refused(self, raw: Any) -> None:
        with pytest.raises(Invalid) as refused:
            day_meant(raw, NEW_YORK, "/on")
        assert [fault.path for fault in refused.value.faults] == ["/on"]


class TestTimeZone:
    def test_a_name_of_the_database_is_taken(self) -> None:
        assert time_zone(NEW_YORK).key == NEW_YORK
        assert local_date(datetime(2024, 1, 1, 2, tzinfo=UTC), time_zone(NEW_YORK)) == date(2023, 12, 31)

    @pytest.mark.parametrize(
        "raw", [None, "", "Mars/Olympus", "../etc/passwd", "/etc/localtime", 5, "UTC\0", "America"]
    )
    def test_anything_else_is_refused(self, raw: Any) -> None:
        with pytest.raises(Invalid) as refused:
            time_zone(raw, "/time_zone")
        assert [fault.path for fault in refused.value.faults] == ["/time_zone"]
