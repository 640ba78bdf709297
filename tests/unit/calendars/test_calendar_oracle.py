"""Another implementation cuts the same years and quarters: the offsets of pandas."""

from datetime import date, timedelta
from itertools import product
from typing import Any

import pandas as pd  # type: ignore[import-untyped]  # it has no types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.calendars import CalendarRule, Labels, Weeks, Which, fiscal_year

WHICH = st.sampled_from(Which)
WEEKDAYS = st.integers(0, 6)
MONTHS = st.integers(1, 12)
NUMBERS = st.integers(1970, 2200)


def stamped(day: date) -> Any:
    return pd.Timestamp(day)


class TestYears:
    @pytest.mark.req("FP19")
    @pytest.mark.parametrize("which", Which)
    def test_end_on_the_same_day(self, which: Which) -> None:
        """28 years of each of the 84 anchors."""
        for weekday, month in product(range(7), range(1, 13)):
            offset = pd.offsets.FY5253(weekday=weekday, startingMonth=month, variation=which.value)
            rule = CalendarRule(Weeks(which, weekday, month, (52,), 1), Labels.END)
            ends = stamped(fiscal_year(rule, 1999).ends)
            for number in range(2000, 2028):
                ends += offset
                assert ends.date() == fiscal_year(rule, number).ends


class TestQuarters:
    @pytest.mark.req("FP15", "FP19")
    @given(WHICH, WEEKDAYS, MONTHS, NUMBERS, st.integers(1, 4))
    def test_end_on_the_same_days_wherever_week_53_goes(
        self, which: Which, weekday: int, month: int, number: int, extra: int
    ) -> None:
        offset = pd.offsets.FY5253Quarter(
            weekday=weekday, startingMonth=month, variation=which.value, qtr_with_extra_week=extra
        )
        rule = CalendarRule(Weeks(which, weekday, month, (13,) * 4, extra), Labels.END)
        year = fiscal_year(rule, number)
        found, ends = [], stamped(year.begins - timedelta(days=1))
        for _ in range(4):
            ends += offset
            found.append(ends.date())
        assert found == [period.ends for period in year.periods]
