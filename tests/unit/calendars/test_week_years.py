from datetime import date, timedelta

import pytest

from domain.calendars import (
    CalendarRule,
    DayNotRestated,
    NotRestatable,
    fiscal_year,
    restated_period_on,
    restated_year,
)
from domain.errors import Invalid
from tests.unit.calendars.companies import (
    APPLE,
    AUTOZONE,
    MONTHS,
    NVIDIA,
    RETAIL,
    THIRTEEN,
    Span,
    day,
    span,
    spans,
    weeks,
)

TABLE = """
2006 2006-01-29 2007-02-03 53
2007 2007-02-04 2008-02-02 52
2008 2008-02-03 2009-01-31 52
2009 2009-02-01 2010-01-30 52
2010 2010-01-31 2011-01-29 52
2011 2011-01-30 2012-01-28 52
2012 2012-01-29 2013-02-02 53
2013 2013-02-03 2014-02-01 52
2014 2014-02-02 2015-01-31 52
2015 2015-02-01 2016-01-30 52
2016 2016-01-31 2017-01-28 52
2017 2017-01-29 2018-02-03 53
2018 2018-02-04 2019-02-02 52
2019 2019-02-03 2020-02-01 52
2020 2020-02-02 2021-01-30 52
2021 2021-01-31 2022-01-29 52
2022 2022-01-30 2023-01-28 52
2023 2023-01-29 2024-02-03 53
2024 2024-02-04 2025-02-01 52
2025 2025-02-02 2026-01-31 52
2026 2026-02-01 2027-01-30 52
2027 2027-01-31 2028-01-29 52
2028 2028-01-30 2029-02-03 53
2029 2029-02-04 2030-02-02 52
"""
"""The 4-5-4 calendar of American retail: year, first day, last day, weeks."""

RETAIL_2023 = ["01-29 02-25", "02-26 04-01", "04-02 04-29", "04-30 05-27", "05-28 07-01", "07-02 07-29", "07-30 08-26",
               "08-27 09-30", "10-01 10-28", "10-29 11-25", "11-26 12-30"]  # fmt: skip
RETAIL_2024 = ["02-04 03-02", "03-03 04-06", "04-07 05-04", "05-05 06-01", "06-02 07-06", "07-07 08-03", "08-04 08-31",
               "09-01 10-05", "10-06 11-02", "11-03 11-30"]  # fmt: skip


def in_year(year: int, rows: list[str]) -> list[Span]:
    return [(f"{year}-{row[:5]}", f"{year}-{row[6:]}") for row in rows]


class TestAnchors:
    @pytest.mark.req("FP11")
    @pytest.mark.parametrize("number", [1956, 2001])
    def test_last_saturday_of_november_is_not_the_nearest_to_its_end(self, number: int) -> None:
        assert fiscal_year(weeks("last", "sat", 11), number).ends == date(number, 11, 24)
        assert fiscal_year(weeks("nearest", "sat", 11), number).ends == date(number, 12, 1)

    def test_a_year_about_the_turn_of_the_year_is_called_by_the_year_that_it_stands_for(self) -> None:
        for labels in ("start", "end"):
            rule = weeks("nearest", "sat", 12, labels=labels)
            year = fiscal_year(rule, 2015)
            assert (year.label, span(year)) == ("FY2015", ("2015-01-04", "2016-01-02"))
            assert rule.number_on(date(2016, 1, 2)) == 2015


class TestRetail:
    @pytest.mark.req("FP12")
    @pytest.mark.parametrize("row", TABLE.strip().splitlines())
    def test_every_row_of_the_published_table(self, row: str) -> None:
        number, *days, count = row.split()
        year = fiscal_year(RETAIL, int(number))
        assert (year.label, span(year), year.days) == (f"FY{number}", tuple(days), 7 * int(count))

    @pytest.mark.req("FP12")
    def test_the_years_of_53_weeks(self) -> None:
        long = [number for number in range(2006, 2030) if fiscal_year(RETAIL, number).days == 371]
        assert long == [2006, 2012, 2017, 2023, 2028]

    @pytest.mark.req("FP13")
    def test_the_periods_of_2023_and_2024(self) -> None:
        assert spans(fiscal_year(RETAIL, 2023)) == [*in_year(2023, RETAIL_2023), ("2023-12-31", "2024-02-03")]
        turn = [("2024-12-01", "2025-01-04"), ("2025-01-05", "2025-02-01")]
        assert spans(fiscal_year(RETAIL, 2024)) == in_year(2024, RETAIL_2024) + turn
        assert fiscal_year(RETAIL, 2023).periods[11].days == 5 * 7
        assert fiscal_year(RETAIL, 2025).begins == date(2025, 2, 2)

    def test_two_rules_that_pass_for_it_are_others(self) -> None:
        begins = {number: fiscal_year(RETAIL, number).begins for number in range(2000, 2031)}
        last = weeks("last", "sat", 1, "4-5-4", labels="start")
        assert sum(fiscal_year(last, number).begins != first for number, first in begins.items()) == 14
        sundays = {number: date(number, 2, 7 - date(number, 2, 7).isoweekday() % 7) for number in begins}
        assert sum(sundays[number] != first for number, first in begins.items()) == 13

    def test_october_2015(self) -> None:
        assert span(fiscal_year(RETAIL, 2015).periods[8]) == ("2015-10-04", "2015-10-31")

    def test_months_are_those_that_the_periods_stand_for(self) -> None:
        rule = weeks("nearest", "sat", 1, "4-5-4", labels="start", naming={"period": "{month} {month_year}"})
        names = [period.name for period in fiscal_year(rule, 2023).periods]
        assert (names[0], names[10], names[11]) == ("February 2023", "December 2023", "January 2024")
        december = weeks("nearest", "sat", 12, naming={"period": "{month} {month_year}"})
        assert [period.name for period in fiscal_year(december, 2015).periods][::11] == [
            "January 2015",
            "December 2015",
        ]


class TestRestated:
    @pytest.mark.req("FP14")
    def test_a_year_of_53_weeks_leaves_out_its_first(self) -> None:
        year = restated_year(RETAIL, 2023)
        assert span(year.periods[0]) == ("2023-02-05", "2023-03-04")
        assert span(year.periods[11]) == ("2024-01-07", "2024-02-03")
        assert [period.days // 7 for period in year.periods] == [4, 5, 4] * 4
        assert restated_year(RETAIL, 2017).begins == date(2017, 2, 5)

    @pytest.mark.req("FP14")
    @pytest.mark.parametrize("text", ["2023-01-29", "2023-01-30", "2023-02-04"])
    def test_a_day_of_the_week_left_out_is_in_no_period(self, text: str) -> None:
        with pytest.raises(DayNotRestated) as refused:
            restated_period_on(RETAIL, day(text))
        assert refused.value.kind == "day-not-in-restated-calendar"
        assert refused.value.facts == {"date": text, "year": "FY2023", "begins": "2023-02-05"}

    def test_other_days_are_in_one(self) -> None:
        assert restated_period_on(RETAIL, date(2023, 2, 5))[1].number == 1
        assert restated_period_on(RETAIL, date(2023, 1, 28))[0].number == 2022

    def test_a_year_of_52_weeks_stays(self) -> None:
        assert restated_year(RETAIL, 2024) == fiscal_year(RETAIL, 2024)

    def test_calendar_months_have_no_such_view(self) -> None:
        with pytest.raises(NotRestatable):
            restated_year(MONTHS, 2024)


class TestWeek53:
    @pytest.mark.req("FP15")
    def test_it_is_in_the_first_quarter_where_the_rule_says_so(self) -> None:
        year = fiscal_year(APPLE, 2023)
        first = [period for period in year.periods if period.quarter == 1]
        assert (first[0].begins, first[-1].ends) == (date(2022, 9, 25), date(2022, 12, 31))
        assert [period.days // 7 for period in first] == [5, 4, 5]
        assert sum(period.days for period in first) == 98
        assert fiscal_year(APPLE, 2015).ends == date(2015, 9, 26)

    @pytest.mark.req("FP16")
    def test_four_periods_of_unequal_length(self) -> None:
        year = fiscal_year(AUTOZONE, 2013)
        assert [period.ends.isoformat() for period in year.periods] == [
            "2012-11-17",
            "2013-02-09",
            "2013-05-04",
            "2013-08-31",
        ]
        assert [period.days // 7 for period in year.periods] == [12, 12, 12, 17]
        assert [period.quarter for period in year.periods] == [1, 2, 3, 4]

    @pytest.mark.req("FP18")
    def test_the_last_of_thirteen_has_five_weeks(self) -> None:
        year = fiscal_year(THIRTEEN, 2023)
        assert len(year.periods) == 13
        assert span(year.periods[11]) == ("2023-12-03", "2023-12-30")
        assert span(year.periods[12]) == ("2023-12-31", "2024-02-03")
        assert sum(period.days for period in year.periods) == 371
        assert {period.quarter for period in year.periods} == {None}

    def test_adjusting_periods_come_after_thirteen(self) -> None:
        rule = weeks("nearest", "sat", 1, "13x4", adjusting_periods=2)
        assert [period.number for period in fiscal_year(rule, 2024).periods[12:]] == [13, 14, 15]

    @pytest.mark.parametrize("place", range(1, 13))
    def test_it_makes_one_period_longer_and_moves_those_after_it(self, place: int) -> None:
        rule = weeks("nearest", "sat", 1, "4-5-4", labels="start", extra_week={"period": place})
        last, plain = fiscal_year(rule, 2023), fiscal_year(rule, 2022)
        longer = [one.days - other.days for one, other in zip(last.periods, plain.periods, strict=True)]
        assert longer == [7 if each == place else 0 for each in range(1, 13)]


class TestCompanies:
    @pytest.mark.req("FP17")
    def test_last_sunday_of_january(self) -> None:
        assert span(fiscal_year(NVIDIA, 2020)) == ("2019-01-28", "2020-01-26")

    @pytest.mark.parametrize("rule", [RETAIL, THIRTEEN, APPLE, AUTOZONE, NVIDIA])
    def test_a_year_begins_the_day_after_the_one_before(self, rule: CalendarRule) -> None:
        for number in range(1990, 2060):
            assert fiscal_year(rule, number).begins == fiscal_year(rule, number - 1).ends + timedelta(days=1)

    def test_years_out_of_bounds_are_refused(self) -> None:
        with pytest.raises(Invalid):
            restated_year(RETAIL, 3000)
