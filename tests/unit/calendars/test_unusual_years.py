from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest

from domain.calendars import (
    CalendarRule,
    FiscalYear,
    Numbering,
    NumberTaken,
    Outcome,
    ShortPeriods,
    YearKind,
    closing_year,
    deemed_span,
    fiscal_year,
    opening_year,
    transition,
)
from domain.errors import Invalid
from tests.unit.calendars.companies import MONTHS, RETAIL, gregorian, span, spans, weeks

FOUNDED = date(2024, 3, 15)
SATURDAYS = weeks("last", "sat", 12)
FRIDAYS = weeks("last", "fri", 12)


def numbers(year: FiscalYear) -> list[int]:
    return [period.number for period in year.standard]


class TestOpening:
    @pytest.mark.req("FP10")
    def test_a_short_first_year_begins_where_the_company_does(self) -> None:
        year = opening_year(MONTHS, FOUNDED)
        assert (year.label, year.kind, numbers(year)) == ("FY2024", YearKind.SHORT, list(range(1, 11)))
        assert span(year.periods[0]) == ("2024-03-15", "2024-03-31")
        assert year.ends == date(2024, 12, 31)

    @pytest.mark.req("FP10")
    def test_its_periods_may_keep_their_places(self) -> None:
        year = opening_year(gregorian(adjusting_periods=1), FOUNDED, numbering=Numbering.BY_PLACE)
        assert numbers(year) == list(range(3, 13))
        assert [period.quarter for period in year.standard] == [1, 2, 2, 2, 3, 3, 3, 4, 4, 4]
        assert year.periods[-1].number == 13

    def test_the_adjusting_period_is_the_thirteenth_in_a_short_year_too(self) -> None:
        year = opening_year(gregorian(adjusting_periods=1), FOUNDED)
        assert [period.number for period in year.periods[-2:]] == [10, 13]

    @pytest.mark.req("FP10")
    def test_a_long_first_year_goes_on_to_the_end_of_the_next(self) -> None:
        year = opening_year(gregorian(adjusting_periods=1), date(2024, 11, 17), long=True)
        assert (year.label, year.kind, span(year)) == ("FY2025", YearKind.LONG, ("2024-11-17", "2025-12-31"))
        assert spans(year)[:3] == [
            ("2024-11-17", "2024-11-30"),
            ("2024-12-01", "2024-12-31"),
            ("2025-01-01", "2025-01-31"),
        ]
        assert [period.number for period in year.periods] == list(range(1, 16))

    def test_months_before_the_year_are_in_none_of_its_quarters(self) -> None:
        year = opening_year(MONTHS, date(2024, 11, 17), long=True)
        assert [period.quarter for period in year.periods][:4] == [None, None, 1, 1]

    def test_weeks_are_cut_as_months_are(self) -> None:
        year = opening_year(RETAIL, date(2023, 11, 1))
        assert spans(year) == [("2023-11-01", "2023-11-25"), ("2023-11-26", "2023-12-30"), ("2023-12-31", "2024-02-03")]

    def test_from_the_first_day_on_it_is_an_ordinary_year(self) -> None:
        assert opening_year(MONTHS, date(2024, 1, 1)) == fiscal_year(MONTHS, 2024)
        with pytest.raises(Invalid):
            opening_year(MONTHS, date(2024, 1, 1), long=True)


class TestClosing:
    def test_a_short_last_year_ends_where_the_company_does(self) -> None:
        year = closing_year(gregorian(adjusting_periods=1), date(2024, 5, 20))
        assert (year.kind, numbers(year), year.ends) == (YearKind.SHORT, [1, 2, 3, 4, 5], date(2024, 5, 20))
        assert span(year.periods[-1]) == ("2024-05-20", "2024-05-20")

    def test_a_long_one_goes_past_the_end_of_its_year(self) -> None:
        year = closing_year(MONTHS, date(2025, 1, 20), long=True)
        assert (year.label, year.kind, span(year)) == ("FY2024", YearKind.LONG, ("2024-01-01", "2025-01-20"))
        assert numbers(year) == list(range(1, 14))

    def test_up_to_the_last_day_it_is_an_ordinary_year(self) -> None:
        assert closing_year(MONTHS, date(2024, 12, 31)) == fiscal_year(MONTHS, 2024)
        with pytest.raises(Invalid):
            closing_year(MONTHS, date(2024, 12, 31), long=True)


class TestTransition:
    @pytest.mark.req("FP26")
    def test_three_days_are_added_to_the_next_year(self) -> None:
        last = fiscal_year(SATURDAYS, 2019)
        changed = transition(last, MONTHS, ShortPeriods.IRS)
        assert (last.ends, changed.outcome, changed.days) == (date(2019, 12, 28), Outcome.MERGED, 3)
        assert (changed.year.label, changed.year.kind, changed.year.days) == ("FY2020", YearKind.LONG, 366 + 3)
        assert span(changed.year.periods[0]) == ("2019-12-29", "2020-01-31")
        assert numbers(changed.year) == list(range(1, 13))

    @pytest.mark.req("FP26")
    def test_359_days_count_as_a_full_year(self) -> None:
        changed = transition(fiscal_year(MONTHS, 2025), FRIDAYS, ShortPeriods.IRS)
        assert (changed.outcome, changed.days, span(changed.year)) == (Outcome.FULL, 359, ("2026-01-01", "2026-12-25"))
        assert (changed.year.code, changed.year.kind, changed.annualisation) == ("2026", YearKind.STANDARD, None)

    def test_358_days_do_not(self) -> None:
        changed = transition(fiscal_year(gregorian(start_day=2), 2026), FRIDAYS, ShortPeriods.IRS)
        assert (changed.outcome, changed.days, changed.year.code) == (Outcome.SHORT, 358, "2027T")
        assert changed.annualisation == Fraction(365, 358)

    @pytest.mark.parametrize(("day", "outcome"), [(26, Outcome.MERGED), (25, Outcome.SHORT)])
    def test_six_days_are_added_and_seven_are_not(self, day: int, outcome: Outcome) -> None:
        last = fiscal_year(gregorian(start_month=12, start_day=day), 2024)
        assert transition(last, MONTHS, ShortPeriods.IRS).outcome is outcome

    def test_a_shorter_one_is_a_year_of_its_own_before_the_year_of_its_number(self) -> None:
        changed = transition(fiscal_year(MONTHS, 2024), RETAIL, ShortPeriods.IRS)
        assert (changed.year.code, changed.year.label, changed.year.kind) == ("2025T", "FY2025T", YearKind.TRANSITION)
        assert spans(changed.year) == [("2025-01-01", "2025-01-04"), ("2025-01-05", "2025-02-01")]
        assert changed.follows == 2025
        assert fiscal_year(RETAIL, changed.follows).begins == date(2025, 2, 2)

    def test_another_policy_makes_a_year_of_any_days(self) -> None:
        changed = transition(fiscal_year(SATURDAYS, 2019), MONTHS, ShortPeriods.SEPARATE)
        assert (changed.outcome, changed.year.code, changed.year.days) == (Outcome.SHORT, "2020T", 3)
        assert changed.annualisation is None

    def test_no_days_between_need_no_year(self) -> None:
        quarters = gregorian(months_per_period=3)
        changed = transition(fiscal_year(MONTHS, 2024), quarters, ShortPeriods.IRS)
        assert (changed.outcome, changed.year, changed.follows) == (
            Outcome.CONTIGUOUS,
            fiscal_year(quarters, 2025),
            2026,
        )

    def test_labels_that_would_call_two_years_alike_are_refused(self) -> None:
        last = fiscal_year(gregorian(start_month=7), 2025)
        with pytest.raises(NumberTaken) as refused:
            transition(last, gregorian(start_month=7, labels="start"), ShortPeriods.IRS)
        assert refused.value.facts == {"year": "2025", "last": "2025"}

    def test_a_second_change_may_follow_a_transition_year(self) -> None:
        between = transition(fiscal_year(MONTHS, 2024), RETAIL, ShortPeriods.SEPARATE).year
        again = transition(between, gregorian(start_month=2, start_day=2, labels="start"), ShortPeriods.IRS)
        assert again.year.code == "2025"

    @pytest.mark.parametrize("policy", ShortPeriods)
    @pytest.mark.parametrize("rule", [MONTHS, RETAIL, SATURDAYS, FRIDAYS, gregorian(start_month=7)])
    def test_every_day_between_the_rules_is_in_the_year_once(self, rule: CalendarRule, policy: ShortPeriods) -> None:
        for ends in (date(2024, 1, 1) + timedelta(days=each) for each in range(366)):
            last = replace(closing_year(MONTHS, ends), number=2000)
            changed = transition(last, rule, policy)
            row = [*last.standard, *changed.year.standard, *fiscal_year(rule, changed.follows).standard]
            assert all((after.begins - before.ends).days == 1 for before, after in pairwise(row))


class TestDeemedSpan:
    @pytest.mark.parametrize(("ends", "deemed"), [("05-25", "05-31"), ("06-03", "05-31"), ("05-31", "05-31")])
    def test_a_year_that_ends_near_the_end_of_may_counts_as_one_to_that_day(self, ends: str, deemed: str) -> None:
        span = deemed_span(date(2023, 6, 1), date.fromisoformat(f"2024-{ends}"))
        assert span == (date(2023, 6, 1), date.fromisoformat(f"2024-{deemed}"))

    def test_of_two_months_as_near_the_earlier_counts(self) -> None:
        assert deemed_span(date(2024, 6, 16), date(2025, 6, 15)) == (date(2024, 6, 1), date(2025, 5, 31))

    def test_the_year_of_american_retail_counts_as_february_to_january(self) -> None:
        year = fiscal_year(RETAIL, 2023)
        assert deemed_span(year.begins, year.ends) == (date(2023, 2, 1), date(2024, 1, 31))
