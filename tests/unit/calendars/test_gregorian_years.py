from datetime import date, timedelta

import pytest

from domain.calendars import FiscalYear, PeriodKind, YearKind, fiscal_year, parse_rule, period_on
from domain.errors import Invalid
from tests.unit.calendars.companies import MONTHS, UNITED_KINGDOM, day, gregorian, span, spans

FEBRUARY = gregorian(start_month=3)
JULY = gregorian(start_month=7)


class TestMonths:
    @pytest.mark.req("FP01", "FR-SM-020")
    def test_a_leap_year_has_twelve_months_and_a_long_february(self) -> None:
        year = fiscal_year(MONTHS, 2024)
        assert [period.number for period in year.periods] == list(range(1, 13))
        assert span(year.periods[1]) == ("2024-02-01", "2024-02-29")
        assert year.days == 366
        assert year.kind is YearKind.STANDARD

    @pytest.mark.req("FP02")
    @pytest.mark.parametrize(("number", "last"), [(2023, 28), (2100, 28), (2000, 29)])
    def test_february_is_as_long_as_it_is(self, number: int, last: int) -> None:
        assert fiscal_year(MONTHS, number).periods[1].ends == date(number, 2, last)

    @pytest.mark.req("FP03")
    def test_a_year_from_july_is_called_by_its_end(self) -> None:
        year = fiscal_year(JULY, 2025)
        assert (year.label, span(year)) == ("FY2025", ("2024-07-01", "2025-06-30"))
        for text, number in (("2024-07-15", 1), ("2025-06-30", 12)):
            found, period = period_on([year], day(text))
            assert (found, period.number) == (year, number)
            assert JULY.number_on(day(text)) == 2025

    @pytest.mark.req("FP04")
    @pytest.mark.parametrize(
        ("month", "expected"), [(10, ("2024-10-01", "2025-09-30")), (2, ("2024-02-01", "2025-01-31"))]
    )
    def test_the_state_from_october_and_the_shop_from_february(self, month: int, expected: tuple[str, str]) -> None:
        assert span(fiscal_year(gregorian(start_month=month), 2025)) == expected

    @pytest.mark.req("FP05")
    def test_a_year_from_the_sixth_of_april_has_two_years_in_its_label(self) -> None:
        year = fiscal_year(UNITED_KINGDOM, 2024)
        assert year.label == "2024/25"
        assert span(year.periods[0]) == ("2024-04-06", "2024-05-05")
        assert span(year.periods[11]) == ("2025-03-06", "2025-04-05")
        assert fiscal_year(UNITED_KINGDOM, 2099).label == "2099/00"

    @pytest.mark.req("FP06")
    def test_a_year_to_the_end_of_february_leaves_no_day_out(self) -> None:
        leap, after = fiscal_year(FEBRUARY, 2024), fiscal_year(FEBRUARY, 2025)
        assert span(leap) == ("2023-03-01", "2024-02-29")
        assert leap.days == 366
        assert span(after) == ("2024-03-01", "2025-02-28")

    @pytest.mark.req("FP06")
    def test_periods_may_begin_on_the_last_day_of_each_month(self) -> None:
        year = fiscal_year(gregorian(start_month=1, start_day="last", labels="start"), 2024)
        assert spans(year)[:3] == [
            ("2024-01-31", "2024-02-28"),
            ("2024-02-29", "2024-03-30"),
            ("2024-03-31", "2024-04-29"),
        ]
        assert span(year) == ("2024-01-31", "2025-01-30")


class TestLongerPeriods:
    @pytest.mark.req("FP08")
    @pytest.mark.parametrize(("months", "days"), [(3, [91, 91, 92, 92]), (6, [182, 184]), (12, [366])])
    def test_quarters_halves_and_whole_years(self, months: int, days: list[int]) -> None:
        year = fiscal_year(gregorian(months_per_period=months), 2024)
        assert [period.days for period in year.periods] == days

    @pytest.mark.parametrize(
        ("months", "quarters"),
        [(1, [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]), (3, [1, 2, 3, 4]), (6, [None, None]), (12, [None])],
    )
    def test_only_what_makes_up_quarters_is_in_one(self, months: int, quarters: list[int | None]) -> None:
        assert [p.quarter for p in fiscal_year(gregorian(months_per_period=months), 2024).periods] == quarters


class TestAdjustingPeriods:
    @pytest.mark.req("FP09")
    def test_the_thirteenth_has_the_last_day_and_no_date_finds_it(self) -> None:
        year = fiscal_year(gregorian(adjusting_periods=1), 2024)
        last = year.periods[-1]
        assert (last.number, last.kind, span(last)) == (13, PeriodKind.ADJUSTING, ("2024-12-31", "2024-12-31"))
        assert period_on([year], day("2024-12-31"))[1].number == 12
        assert year.days == 366

    @pytest.mark.req("FP09")
    def test_four_are_thirteen_to_sixteen(self) -> None:
        year = fiscal_year(gregorian(adjusting_periods=4), 2024)
        assert [(p.number, p.name) for p in year.periods[12:]] == [(n, f"FY2024 P{n}") for n in range(13, 17)]


class TestNames:
    def test_periods_are_named_by_number_unless_the_rule_says_otherwise(self) -> None:
        assert [p.name for p in fiscal_year(JULY, 2025).periods[:2]] == ["FY2025 P01", "FY2025 P02"]

    @pytest.mark.req("FR-SM-020")
    def test_a_pattern_names_months_and_the_year_that_they_are_in(self) -> None:
        rule = gregorian(start_month=7, adjusting_periods=1,
                         naming={"period": "{month} {month_year}", "adjusting": "Closing {label}"})  # fmt: skip
        names = [period.name for period in fiscal_year(rule, 2025).periods]
        assert (names[0], names[6], names[12]) == ("July 2024", "January 2025", "Closing FY2025")

    def test_a_month_that_begins_late_is_called_by_the_next(self) -> None:
        naming = {"period": "{month} {month_year}"}
        first = fiscal_year(gregorian(start_month=12, start_day=26, naming=naming), 2025).periods[0]
        assert (first.begins, first.name) == (date(2024, 12, 26), "January 2025")
        assert fiscal_year(gregorian(start_month=4, start_day=6, naming=naming), 2025).periods[0].name == "April 2024"

    def test_a_pattern_may_name_the_days_and_the_quarter(self) -> None:
        naming = {"period": "{year} Q{quarter} from {start} to {end}"}
        period = fiscal_year(gregorian(months_per_period=3, naming=naming), 2024).periods[1]
        assert period.name == "2024 Q2 from 2024-04-01 to 2024-06-30"


class TestBounds:
    @pytest.mark.parametrize("number", [1900, 2999])
    def test_years_are_from_1900_to_2999(self, number: int) -> None:
        assert fiscal_year(MONTHS, number).begins == date(number, 1, 1)

    @pytest.mark.parametrize("number", [1899, 3000, 0, -5, 10**9])
    def test_another_is_refused(self, number: int) -> None:
        with pytest.raises(Invalid) as refused:
            fiscal_year(MONTHS, number)
        assert [fault.path for fault in refused.value.faults] == ["/year"]

    def test_a_day_far_away_is_refused(self) -> None:
        for far in (date.min, date.max):
            with pytest.raises(Invalid):
                MONTHS.number_on(far)


class TestSameness:
    @pytest.mark.req("FP20")
    def test_the_same_rule_gives_the_same_year(self) -> None:
        assert fiscal_year(MONTHS, 2024) == fiscal_year(parse_rule(MONTHS.to_json()), 2024)

    def test_a_year_says_what_it_is_in_json(self) -> None:
        year: FiscalYear = fiscal_year(gregorian(months_per_period=12), 2024)
        assert year.to_json() == {
            "code": "2024", "number": 2024, "kind": "standard", "label": "FY2024", "begins": "2024-01-01",
            "ends": "2024-12-31", "days": 366,
            "periods": [{"number": 1, "kind": "standard", "begins": "2024-01-01", "ends": "2024-12-31",
                         "name": "FY2024 P01", "quarter": None}],
        }  # fmt: skip
        assert year.ends - year.begins == timedelta(days=365)
