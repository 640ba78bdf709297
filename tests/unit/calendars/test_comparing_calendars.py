from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.calendars import CalendarRule, NoPeriod, Stretch, compare, fiscal_year, opening_year, period_on, years_over
from tests.unit.calendars.companies import APPLE, MONTHS, RETAIL, THIRTEEN, UNITED_KINGDOM, gregorian

RULES = st.sampled_from([MONTHS, RETAIL, THIRTEEN, APPLE, UNITED_KINGDOM])
DAYS = st.dates(date(2015, 1, 1), date(2030, 12, 31))


def compared(one: CalendarRule, other: CalendarRule, begins: date, ends: date) -> tuple[Stretch, ...]:
    return compare(years_over(one, begins, ends), years_over(other, begins, ends), begins, ends)


class TestCompare:
    def test_a_calendar_agrees_with_itself(self) -> None:
        found = compared(MONTHS, MONTHS, date(2024, 1, 1), date(2024, 12, 31))
        assert [each.agrees for each in found] == [True] * 12

    def test_the_same_days_agree_whatever_they_are_called(self) -> None:
        found = compared(MONTHS, gregorian(start_month=7), date(2024, 1, 1), date(2024, 3, 31))
        assert [(each.one.number, each.other.number, each.agrees) for each in found if each.one and each.other] == [
            (1, 7, True), (2, 8, True), (3, 9, True),
        ]  # fmt: skip

    def test_months_and_weeks_share_some_days(self) -> None:
        found = compared(MONTHS, RETAIL, date(2024, 2, 1), date(2024, 3, 31))
        assert [(each.begins.isoformat(), each.days, each.agrees) for each in found] == [
            ("2024-02-01", 3, False), ("2024-02-04", 26, False), ("2024-03-01", 2, False), ("2024-03-03", 29, False),
        ]  # fmt: skip

    def test_a_calendar_that_has_not_begun_has_no_period(self) -> None:
        young = [opening_year(MONTHS, date(2024, 3, 15))]
        found = compare(young, [fiscal_year(MONTHS, 2024)], date(2024, 3, 1), date(2024, 3, 31))
        assert [(each.one is None, each.days, each.agrees) for each in found] == [(True, 14, False), (False, 17, False)]

    def test_a_span_that_ends_before_it_begins_has_nothing(self) -> None:
        assert compare([], [], date(2024, 1, 2), date(2024, 1, 1)) == ()

    def test_a_stretch_says_what_it_is_in_json(self) -> None:
        (found,) = compare([], [fiscal_year(gregorian(months_per_period=12), 2024)], date(2024, 1, 1), date(2024, 1, 9))
        assert found.to_json() == {
            "begins": "2024-01-01", "ends": "2024-01-09", "days": 9, "agrees": False, "one": None,
            "other": {"number": 1, "kind": "standard", "begins": "2024-01-01", "ends": "2024-12-31",
                      "name": "FY2024 P01", "quarter": None},
        }  # fmt: skip

    @given(RULES, RULES, DAYS, st.integers(0, 800))
    def test_has_every_day_of_the_span_once(
        self, one: CalendarRule, other: CalendarRule, begins: date, more: int
    ) -> None:
        ends = begins + timedelta(days=more)
        found = compared(one, other, begins, ends)
        assert (found[0].begins, found[-1].ends) == (begins, ends)
        assert all(after.begins == before.ends + timedelta(days=1) for before, after in pairwise(found))
        assert all(each.one and each.one.begins <= each.begins and each.ends <= each.one.ends for each in found)
        assert all(each.other and each.other.begins <= each.begins and each.ends <= each.other.ends for each in found)


class TestNoPeriod:
    def test_names_the_periods_on_either_side(self) -> None:
        years = [fiscal_year(MONTHS, 2026), fiscal_year(MONTHS, 2024)]
        with pytest.raises(NoPeriod) as refused:
            period_on(years, date(2025, 6, 1))
        assert refused.value.kind == "no-period"
        assert refused.value.facts == {
            "date": "2025-06-01",
            "before": {"year": "2024", "number": 12, "name": "FY2024 P12", "begins": "2024-12-01",
                       "ends": "2024-12-31"},
            "after": {"year": "2026", "number": 1, "name": "FY2026 P01", "begins": "2026-01-01", "ends": "2026-01-31"},
        }  # fmt: skip

    def test_or_says_that_there_is_none(self) -> None:
        with pytest.raises(NoPeriod) as refused:
            period_on([], date(2025, 6, 1))
        assert refused.value.facts == {"date": "2025-06-01", "before": None, "after": None}
