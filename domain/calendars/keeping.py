"""A day of a calendar has one year and one period: years neither overlap nor stand apart, and a used one stays."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from domain.calendars.years import FiscalPeriod, FiscalYear
from domain.errors import Conflict

_DAY = timedelta(days=1)


class PeriodsOverlap(Conflict):
    """Days would belong to two periods."""

    kind = "periods-overlap"


class PeriodsApart(Conflict):
    """Days of this year would belong to no period."""

    kind = "periods-apart"


class YearsApart(Conflict):
    """A year follows the last one of its calendar, or precedes the first: days between them would belong to none."""

    kind = "fiscal-years-apart"


class YearExists(Conflict):
    """This year is there already, and it is not the same."""

    kind = "fiscal-year-exists"


class YearUsed(Conflict):
    """This year was used, and stays as it is."""

    kind = "fiscal-year-used"


class CalendarUsed(Conflict):
    """Years from there on were made already: a new version begins after them, or they are removed first."""

    kind = "fiscal-calendar-used"


class CalendarStays(Conflict):
    """A calendar is not removed once it is written, nor are books: write what shall hold instead."""

    kind = "fiscal-calendar-stays"


def check_fits(year: FiscalYear, beside: Iterable[FiscalYear]) -> None:
    """PeriodsOverlap with the periods in the way, or YearsApart with the days between.

    `beside` are the years that it touches, or else the first and the last of its calendar.
    """
    others = sorted(beside, key=lambda each: each.begins)
    taken = [(other, period) for other in others for period in other.standard if _meets(period, year)]
    if taken:
        raise PeriodsOverlap(periods=[period_fact(*each) for each in taken])
    if not others:
        return
    if year.begins > others[-1].ends + _DAY:
        raise YearsApart(gaps=[_gap(others[-1].ends + _DAY, year.begins - _DAY)])
    if year.ends < others[0].begins - _DAY:
        raise YearsApart(gaps=[_gap(year.ends + _DAY, others[0].begins - _DAY)])


def check_unmade(from_year: int, made: Iterable[FiscalYear]) -> None:
    """CalendarUsed when one of the years that were made has a number from there on."""
    later = [each.code for each in made if each.number >= from_year]
    if later:
        raise CalendarUsed(years=later, from_year=from_year)


def check_periods(periods: Iterable[FiscalPeriod]) -> None:
    """PeriodsOverlap or PeriodsApart unless each of these standard periods begins on the day after the one before."""
    before: FiscalPeriod | None = None
    overlaps, gaps = [], []
    for each in sorted(periods, key=lambda each: (each.begins, each.ends)):
        if before is not None and each.begins <= before.ends:
            overlaps += [before.to_json(), each.to_json()]
        elif before is not None and each.begins > before.ends + _DAY:
            gaps.append(_gap(before.ends + _DAY, each.begins - _DAY))
        before = each if before is None or each.ends > before.ends else before
    if overlaps:
        raise PeriodsOverlap(periods=overlaps)
    if gaps:
        raise PeriodsApart(gaps=gaps)


def period_fact(year: FiscalYear, period: FiscalPeriod) -> dict[str, Any]:
    return {"year": year.code, **period.to_json()}


def _meets(period: FiscalPeriod, year: FiscalYear) -> bool:
    return period.begins <= year.ends and year.begins <= period.ends


def _gap(begins: object, ends: object) -> dict[str, str]:
    return {"begins": str(begins), "ends": str(ends)}
