"""A day has one standard period; where it has none, the answer names the periods on either side."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from domain.calendars.refusals import NoPeriod
from domain.calendars.years import FiscalPeriod, FiscalYear

Found = tuple[FiscalYear, FiscalPeriod]


def period_on(years: Iterable[FiscalYear], day: date) -> Found:
    before: Found | None = None
    after: Found | None = None
    for year, period in [(each, period) for each in years for period in each.standard]:
        if period.begins <= day <= period.ends:
            return year, period
        if period.ends < day and (before is None or before[1].ends < period.ends):
            before = year, period
        if period.begins > day and (after is None or after[1].begins > period.begins):
            after = year, period
    raise no_period(day, before, after)


def no_period(day: date, before: Found | None, after: Found | None) -> NoPeriod:
    return NoPeriod(date=day.isoformat(), before=_told(before), after=_told(after))


def _told(found: Found | None) -> dict[str, Any] | None:
    if found is None:
        return None
    year, period = found
    return {
        "year": year.code,
        "number": period.number,
        "name": period.name,
        "begins": period.begins.isoformat(),
        "ends": period.ends.isoformat(),
    }
