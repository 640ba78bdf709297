from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.calendars import BusinessDays

EASTER = BusinessDays(frozenset({date(2024, 3, 29), date(2024, 4, 1)}))
DAYS = st.dates(date(2000, 1, 1), date(2100, 1, 1))
WEEKENDS = st.frozensets(st.integers(0, 6), max_size=6)


class TestBusinessDays:
    def test_weekends_and_holidays_do_not_count(self) -> None:
        assert EASTER.after(date(2024, 3, 28), 1) == date(2024, 4, 2)
        assert EASTER.after(date(2024, 3, 31), 5) == date(2024, 4, 8)
        assert EASTER.between(date(2024, 3, 31), date(2024, 4, 8)) == 5

    def test_the_day_itself_when_it_is_one(self) -> None:
        assert EASTER.after(date(2024, 4, 2), 0) == date(2024, 4, 2)
        assert EASTER.after(date(2024, 3, 29), 0) == date(2024, 4, 2)

    def test_another_weekend(self) -> None:
        riyadh = BusinessDays(weekend=frozenset({4, 5}))
        assert riyadh.after(date(2024, 2, 29), 1) == date(2024, 3, 3)

    def test_a_week_without_a_business_day_is_refused(self) -> None:
        with pytest.raises(ValueError, match="weekend"):
            BusinessDays(weekend=frozenset(range(7)))

    @given(DAYS, st.integers(1, 40), WEEKENDS, st.frozensets(st.integers(0, 60), max_size=20))
    def test_counting_and_counting_back_agree(
        self, day: date, count: int, weekend: frozenset[int], shut: frozenset[int]
    ) -> None:
        week = BusinessDays(frozenset(day + timedelta(days=each) for each in shut), weekend)
        due = week.after(day, count)
        assert week.open(due)
        assert week.between(day, due) == count
