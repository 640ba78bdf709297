"""A calendar grows at its ends: rules for years that nobody has made, and years next to those that are there."""

from collections.abc import Sequence
from datetime import date

from domain.bookkeeping.contents import KeptCalendar, KeptYear
from domain.calendars.keeping import check_fits, check_unmade


def outwards(missing: Sequence[KeptYear], first: date | None) -> list[KeptYear]:
    """In the order in which none stands apart from the years that are there, the first of which begins at `first`."""
    later = [each for each in missing if first is None or each.year.begins > first]
    return later + [each for each in reversed(missing) if each not in later]


def check_growth(calendar: KeptCalendar, there: KeptCalendar, missing: Sequence[KeptYear]) -> None:
    """CalendarUsed, PeriodsOverlap or YearsApart where the calendar that is there cannot go on as this one says."""
    years = [each.year for each in there.years]
    for version in calendar.versions[len(there.versions) :]:
        check_unmade(version["from_year"], years)
    for each in outwards(missing, years[0].begins if years else None):
        check_fits(each.year, years)
        years.append(each.year)
