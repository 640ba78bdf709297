from datetime import date

import pytest

from domain.calendars import CalendarRule, FiscalYear, Gregorian, closing_year, fiscal_year
from domain.calendars.given import MOST_PERIODS, Span, given_year
from domain.calendars.keeping import (
    CalendarUsed,
    PeriodsApart,
    PeriodsOverlap,
    YearsApart,
    check_fits,
    check_unmade,
    period_fact,
)
from domain.errors import Invalid

MONTHS = CalendarRule(Gregorian(), adjusting_periods=1)
ONE, TWO, THREE = (fiscal_year(MONTHS, number) for number in (2024, 2025, 2026))
JANUARY = Span(date(2024, 1, 1), date(2024, 1, 31))


class TestNeighbours:
    @pytest.mark.parametrize("beside", [[], [TWO], [TWO, THREE]])
    def test_a_year_may_precede_the_first_or_follow_the_last(self, beside: list[FiscalYear]) -> None:
        check_fits(ONE, beside)
        check_fits(THREE, [ONE, TWO])

    @pytest.mark.req("FP21")
    def test_a_year_shares_no_day_with_a_standard_period(self) -> None:
        with pytest.raises(PeriodsOverlap) as refused:
            check_fits(closing_year(MONTHS, date(2024, 2, 15)), [ONE])
        assert refused.value.facts == {"periods": [period_fact(ONE, ONE.periods[place]) for place in range(2)]}

    @pytest.mark.parametrize(("year", "beside"), [(THREE, ONE), (ONE, THREE)])
    def test_no_day_is_left_between_years(self, year: FiscalYear, beside: FiscalYear) -> None:
        with pytest.raises(YearsApart) as refused:
            check_fits(year, [beside])
        assert refused.value.facts == {"gaps": [{"begins": "2025-01-01", "ends": "2025-12-31"}]}

    @pytest.mark.req("FP25")
    def test_a_rule_is_for_years_that_nobody_has_made(self) -> None:
        check_unmade(2026, [ONE, TWO])
        with pytest.raises(CalendarUsed) as refused:
            check_unmade(2025, [ONE, TWO])
        assert refused.value.facts == {"years": ["2025"], "from_year": 2025}


class TestGivenYear:
    def test_is_its_periods_in_the_order_of_their_days(self) -> None:
        later = Span(date(2024, 2, 1), date(2024, 12, 31), "the rest")
        year = given_year(MONTHS, 2024, [later, JANUARY])
        assert [(each.number, each.name) for each in year.standard] == [(1, "FY2024 P1"), (2, "the rest")]
        assert (year.kind.value, year.begins, year.ends) == ("standard", date(2024, 1, 1), date(2024, 12, 31))
        (adjusting,) = year.periods[2:]
        assert (adjusting.number, adjusting.begins, adjusting.ends) == (3, year.ends, year.ends)

    @pytest.mark.parametrize(
        ("ends", "kind"), [(date(2024, 11, 30), "short"), (date(2025, 1, 5), "standard"), (date(2025, 1, 31), "long")]
    )
    def test_is_short_or_long_by_its_days(self, ends: date, kind: str) -> None:
        assert given_year(MONTHS, 2024, [Span(date(2024, 1, 1), ends)]).kind.value == kind

    @pytest.mark.req("FP21")
    @pytest.mark.parametrize("begins", [date(2024, 1, 1), date(2024, 1, 31)])
    def test_has_no_day_twice(self, begins: date) -> None:
        with pytest.raises(PeriodsOverlap):
            given_year(MONTHS, 2024, [JANUARY, Span(begins, date(2024, 2, 29))])

    @pytest.mark.req("FP21")
    def test_sees_one_that_encloses_others(self) -> None:
        spans = [Span(date(2024, 1, 1), date(2024, 12, 31)), JANUARY, Span(date(2024, 3, 1), date(2024, 3, 31))]
        with pytest.raises(PeriodsOverlap):
            given_year(MONTHS, 2024, spans)

    @pytest.mark.req("FP22")
    def test_leaves_no_day_out(self) -> None:
        with pytest.raises(PeriodsApart) as refused:
            given_year(MONTHS, 2024, [JANUARY, Span(date(2024, 3, 1), date(2024, 12, 31))])
        assert refused.value.facts == {"gaps": [{"begins": "2024-02-01", "ends": "2024-02-29"}]}

    def test_has_some_periods_and_each_ends_after_it_begins(self) -> None:
        backwards = Span(date(2024, 2, 1), date(2024, 1, 31))
        with pytest.raises(Invalid) as refused:
            given_year(MONTHS, 2024, [JANUARY, backwards])
        assert [fault.path for fault in refused.value.faults] == ["/periods/1/ends"]
        for count in (0, MOST_PERIODS + 1):
            with pytest.raises(Invalid):
                given_year(MONTHS, 2024, [JANUARY] * count)
