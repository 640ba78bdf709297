"""What holds for every rule: all weekdays, months and anchors, and all 400 years after which dates repeat."""

from datetime import date, timedelta
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.calendars import (
    LAST_DAY,
    CalendarRule,
    FiscalPeriod,
    Gregorian,
    Labels,
    PeriodKind,
    Weeks,
    Which,
    closing_year,
    deemed_span,
    fiscal_year,
    opening_year,
    parse_rule,
    restated_year,
    years_over,
)
from domain.calendars.cycles import month_end

DAY = timedelta(days=1)
ERA, ERA_DAYS = 400, 146_097
"""After so many years, and days, the Gregorian calendar repeats itself, weekdays included."""
PATTERNS = ((4, 4, 5) * 4, (4, 5, 4) * 4, (5, 4, 4) * 4, (4,) * 13, (12, 12, 12, 16), (13,) * 4, (26, 26), (52,))
ANCHORS = list(product(Which, range(7), range(1, 13)))
STARTS = list(product(range(1, 13), [*range(1, 29), LAST_DAY], (1, 3, 6, 12)))

week_cycles = st.builds(
    lambda anchor, lengths, extra: Weeks(anchor[0], anchor[1], anchor[2], lengths, extra % len(lengths) + 1),
    st.sampled_from(ANCHORS), st.sampled_from(PATTERNS), st.integers(0, 12),
)  # fmt: skip
month_cycles = st.sampled_from(STARTS).map(lambda start: Gregorian(*start))


def ruled(cycle: Gregorian | Weeks, labels: Labels, adjusting: int) -> CalendarRule:
    return CalendarRule(cycle, labels if cycle.crosses else Labels.START, adjusting)


week_rules = st.builds(ruled, week_cycles, st.sampled_from(Labels), st.integers(0, 4))
rules = st.one_of(st.builds(ruled, month_cycles, st.sampled_from(Labels), st.integers(0, 4)), week_rules)
numbers = st.integers(1902, 2302)
days = st.dates(date(1902, 1, 1), date(2302, 12, 31))


def joined(periods: list[FiscalPeriod]) -> bool:
    return all(after.begins == before.ends + DAY for before, after in pairwise(periods))


class TestWeeks:
    @pytest.mark.req("FP19")
    @pytest.mark.parametrize(("which", "weekday", "month"), ANCHORS)
    def test_every_year_ends_on_its_weekday_by_the_end_of_its_month(
        self, which: Which, weekday: int, month: int
    ) -> None:
        """400 years of each of the 168 anchors."""
        cycle = Weeks(which, weekday, month, (52,), 1)
        begins = [cycle.starts(opening)[0] for opening in range(1900, 1900 + ERA + 1)]
        assert {(after - before).days for before, after in pairwise(begins)} <= {364, 371}
        assert (begins[-1] - begins[0]).days == ERA_DAYS
        for opening, first in enumerate(begins, start=1900):
            last = first - DAY
            off = (month_end(opening - (month == 12), month) - last).days
            assert last.weekday() == weekday
            assert off in (range(7) if which is Which.LAST else range(-3, 4))

    @pytest.mark.parametrize(("which", "weekday", "month"), ANCHORS)
    def test_every_year_stands_for_twelve_whole_months(self, which: Which, weekday: int, month: int) -> None:
        rule = CalendarRule(Weeks(which, weekday, month, (52,), 1), Labels.START)
        for number in range(1990, 2020):
            year = fiscal_year(rule, number)
            before = month_end(number - (month == 12), month)
            assert deemed_span(year.begins, year.ends) == (before + DAY, month_end(before.year + 1, month))

    @given(week_rules, numbers)
    def test_a_period_has_the_weeks_of_its_pattern_and_week_53_where_it_belongs(
        self, rule: CalendarRule, number: int
    ) -> None:
        year, cycle = fiscal_year(rule, number), rule.cycle
        assert isinstance(cycle, Weeks)
        longer = year.days == 371
        lengths = [weeks + (longer and place == cycle.extra) for place, weeks in enumerate(cycle.lengths, start=1)]
        assert [period.days for period in year.standard] == [7 * weeks for weeks in lengths]

    @given(week_rules, numbers)
    def test_a_restated_year_has_the_last_52_weeks_in_its_pattern(self, rule: CalendarRule, number: int) -> None:
        year, cycle = restated_year(rule, number), rule.cycle
        assert isinstance(cycle, Weeks)
        assert [period.days for period in year.standard] == [7 * weeks for weeks in cycle.lengths]
        assert joined(list(year.standard))
        assert year.ends == fiscal_year(rule, number).ends


class TestMonths:
    @pytest.mark.req("FP20")
    @pytest.mark.parametrize("months", [1, 3, 6, 12])
    def test_every_start_day_of_every_month_leaves_no_day_out(self, months: int) -> None:
        for month, day, _ in (start for start in STARTS if start[2] == months):
            rule = CalendarRule(Gregorian(month, day, months), Labels.START)
            years = [fiscal_year(rule, number) for number in range(2023, 2026)]
            assert joined([period for year in years for period in year.standard])
            assert {year.days for year in years} <= {365, 366}


class TestEveryRule:
    @pytest.mark.req("FP20")
    @given(rules, days)
    def test_a_day_is_in_one_period_of_the_year_that_the_rule_says(self, rule: CalendarRule, day: date) -> None:
        around = years_over(rule, day - 400 * DAY, day + 400 * DAY)
        found = [(y.number, p.number) for y in around for p in y.standard if p.begins <= day <= p.ends]
        assert len(found) == 1
        assert found[0][0] == rule.number_on(day)
        assert joined([period for year in around for period in year.standard])

    @pytest.mark.req("FP20")
    @given(rules, numbers)
    def test_a_year_is_the_same_every_time_and_after_400_years(self, rule: CalendarRule, number: int) -> None:
        year = fiscal_year(rule, number)
        assert fiscal_year(parse_rule(rule.to_json()), number) == year
        later = fiscal_year(rule, number + ERA)
        assert [(p.begins + timedelta(days=ERA_DAYS), p.number) for p in year.periods] == [
            (p.begins, p.number) for p in later.periods
        ]

    @given(rules, numbers)
    def test_adjusting_periods_have_the_last_day_and_numbers_of_their_own(
        self, rule: CalendarRule, number: int
    ) -> None:
        year = fiscal_year(rule, number)
        adjusting = [period for period in year.periods if period.kind is PeriodKind.ADJUSTING]
        assert len(adjusting) == rule.adjusting_periods
        assert all((period.begins, period.ends) == (year.ends, year.ends) for period in adjusting)
        assert len({period.number for period in year.periods}) == len(year.periods)
        assert len({period.name for period in year.periods}) == len(year.periods)

    @given(rules, days, st.booleans())
    def test_unusual_years_have_their_days_once(self, rule: CalendarRule, day: date, long: bool) -> None:  # noqa: FBT001 -- drawn
        number = rule.number_on(day)
        whole = fiscal_year(rule, number)
        if day not in (whole.begins, whole.ends):
            first, last = opening_year(rule, day, long=long), closing_year(rule, day, long=long)
            assert (first.begins, last.ends) == (day, day)
            assert first.ends == fiscal_year(rule, number + long).ends
            assert last.begins == fiscal_year(rule, number - long).begins
            assert joined(list(first.standard))
            assert joined(list(last.standard))
