from datetime import date

import pytest

from adapters.holidays.listed import ListedHolidays
from domain.calendars import BusinessDays
from domain.errors import Invalid


class TestListedHolidays:
    def test_a_holiday_on_a_sunday_is_kept_on_the_day_that_is_off(self) -> None:
        found = ListedHolidays().of("US", None, [2022])
        assert {date(2022, 7, 4), date(2022, 12, 26)} <= found
        assert date(2022, 7, 5) not in found

    def test_a_part_of_a_country_has_days_of_its_own(self) -> None:
        assert date(2024, 1, 6) in ListedHolidays().of("DE", "BY", [2024])
        assert date(2024, 1, 6) not in ListedHolidays().of("DE", None, [2024])

    def test_only_the_years_that_are_asked_for(self) -> None:
        assert {day.year for day in ListedHolidays().of("GB", "ENG", [2023, 2024])} == {2023, 2024}
        assert ListedHolidays().of("GB", "ENG", []) == frozenset()
        assert ListedHolidays().of("GB", "ENG", [0, 9999]) == frozenset()

    @pytest.mark.parametrize(
        ("country", "subdivision", "path"),
        [("XX", None, "/country"), ("us", None, "/country"), ("", None, "/country"), ("US", "BY", "/subdivision")],
    )
    def test_what_is_not_listed_is_refused(self, country: str, subdivision: str | None, path: str) -> None:
        with pytest.raises(Invalid) as refused:
            ListedHolidays().of(country, subdivision, [2024])
        assert [fault.path for fault in refused.value.faults] == [path]

    def test_the_fifth_business_day_of_april(self) -> None:
        days = BusinessDays(ListedHolidays().of("GB", "ENG", [2024]))
        assert days.after(date(2024, 3, 31), 5) == date(2024, 4, 8)
