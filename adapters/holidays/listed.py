"""The public holidays of countries, from the list that comes with the program."""

from collections.abc import Iterable
from datetime import date

import holidays

from domain.calendars import FIRST_YEAR, LAST_YEAR
from domain.errors import Fault, Invalid


class ListedHolidays:
    """Days off by law, moved ones included; half days and days of banks only are not among them."""

    def of(self, country: str, subdivision: str | None, years: Iterable[int]) -> frozenset[date]:
        known = holidays.list_supported_countries(include_aliases=False)
        if country not in known:
            raise Invalid([Fault("/country", "a country of which holidays are listed, as US")])
        if subdivision is not None and subdivision not in known[country]:
            named = ", ".join(known[country]) or "none for this country"
            raise Invalid([Fault("/subdivision", f"one of {named}")])
        asked = [year for year in years if FIRST_YEAR <= year <= LAST_YEAR]
        return frozenset(holidays.country_holidays(country, subdiv=subdivision, years=asked, expand=False))
