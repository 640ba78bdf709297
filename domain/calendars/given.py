"""A year may be given period by period, where no rule makes it: its days still belong to one period each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from domain.calendars.keeping import check_periods
from domain.calendars.rules import CalendarRule
from domain.calendars.years import FiscalPeriod, FiscalYear, PeriodKind, YearKind
from domain.errors import Fault, Invalid

MOST_PERIODS = 60
_LONG_AT_LEAST, _SHORT_AT_MOST = 372, 363
"""Days: a year of 364, 365, 366 or 371 days is a usual one, whatever its periods."""


@dataclass(frozen=True)
class Span:
    """Local dates, both inside."""

    begins: date
    ends: date
    name: str | None = None


def given_year(rule: CalendarRule, number: int, spans: Sequence[Span]) -> FiscalYear:
    """Standard periods in the order of their days, and as many adjusting ones on the last day as the rule wants.

    Invalid for a span that ends before it begins; PeriodsOverlap or PeriodsApart where they do not meet.
    """
    faults = [
        Fault(f"/periods/{place}/ends", "a day that is not before `begins`")
        for place, span in enumerate(spans)
        if span.ends < span.begins
    ]
    if faults or not 1 <= len(spans) <= MOST_PERIODS:
        raise Invalid(faults or [Fault("/periods", f"1 to {MOST_PERIODS} periods")])
    label = rule.label(number)
    ordered = sorted(spans, key=lambda span: (span.begins, span.ends))
    standard = [_period(place, PeriodKind.STANDARD, span, label) for place, span in enumerate(ordered, 1)]
    check_periods(standard)
    last = Span(standard[-1].ends, standard[-1].ends)
    adjusting = [
        _period(len(standard) + place, PeriodKind.ADJUSTING, last, label)
        for place in range(1, rule.adjusting_periods + 1)
    ]
    days = (standard[-1].ends - standard[0].begins).days + 1
    return FiscalYear(number, _kind(days), label, (*standard, *adjusting))


def _period(number: int, kind: PeriodKind, span: Span, label: str) -> FiscalPeriod:
    return FiscalPeriod(number, kind, span.begins, span.ends, span.name or f"{label} P{number}", None)


def _kind(days: int) -> YearKind:
    if days <= _SHORT_AT_MOST:
        return YearKind.SHORT
    return YearKind.LONG if days >= _LONG_AT_LEAST else YearKind.STANDARD
