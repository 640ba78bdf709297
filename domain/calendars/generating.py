"""Years are cut from an endless row of slots, and the same rule cuts the same years every time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from domain.calendars.cycles import Weeks
from domain.calendars.refusals import DayNotRestated, NotRestatable
from domain.calendars.rules import PLACEHOLDER, CalendarRule
from domain.calendars.years import FiscalPeriod, FiscalYear, PeriodKind, YearKind

DAY = timedelta(days=1)
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December")  # fmt: skip


class Numbering(StrEnum):
    """The periods of a short year begin with one, or keep the numbers that they would have in a whole year."""

    FROM_ONE = "from-one"
    BY_PLACE = "by-place"


@dataclass(frozen=True)
class Slot:
    """The days between two starts; `opening` and `place` say which ones."""

    opening: int
    place: int
    begins: date
    ends: date


def fiscal_year(rule: CalendarRule, number: int) -> FiscalYear:
    """The ordinary year of this number, from 1900 to 2999."""
    return assembled(rule, number, YearKind.STANDARD, slots(rule, number))


def years_over(rule: CalendarRule, begins: date, ends: date) -> tuple[FiscalYear, ...]:
    """The ordinary years that have a day of this span."""
    return tuple(fiscal_year(rule, number) for number in range(rule.number_on(begins), rule.number_on(ends) + 1))


def restated_year(rule: CalendarRule, number: int) -> FiscalYear:
    """The year as one of 52 weeks: of 53 the first is left out, so that each week lies beside one of the next year."""
    if not isinstance(rule.cycle, Weeks):
        raise NotRestatable
    opening = rule.opening(number)
    return assembled(rule, number, YearKind.STANDARD, _between(rule, opening, rule.cycle.restated(opening)))


def restated_period_on(rule: CalendarRule, day: date) -> tuple[FiscalYear, FiscalPeriod]:
    year = restated_year(rule, rule.number_on(day))
    period = year.period_on(day)
    if period is None:
        raise DayNotRestated(date=day.isoformat(), year=year.label, begins=year.begins.isoformat())
    return year, period


def slots(rule: CalendarRule, number: int) -> tuple[Slot, ...]:
    opening = rule.opening(number)
    return _between(rule, opening, rule.cycle.starts(opening))


def clipped(row: Iterable[Slot], begins: date = date.min, ends: date = date.max) -> tuple[Slot, ...]:
    """Those that have a day of the span, and of each only its days in it."""
    return tuple(
        replace(slot, begins=max(slot.begins, begins), ends=min(slot.ends, ends))
        for slot in row
        if slot.begins <= ends and slot.ends >= begins
    )


def assembled(
    rule: CalendarRule,
    number: int,
    kind: YearKind,
    row: Sequence[Slot],
    numbering: Numbering = Numbering.FROM_ONE,
) -> FiscalYear:
    """The year of these slots, with its adjusting periods after them."""
    between = kind is YearKind.TRANSITION
    year = _Year(number, rule.label(number) + "T" * between, row[0].opening if between else rule.opening(number))
    numbers = [slot.place for slot in row] if numbering is Numbering.BY_PLACE else range(1, len(row) + 1)
    standard = [_period(rule, year, PeriodKind.STANDARD, each, slot) for each, slot in zip(numbers, row, strict=True)]
    last = replace(row[-1], begins=row[-1].ends)
    after = max(numbers[-1], rule.cycle.places) + 1
    adjusting = [
        _period(rule, year, PeriodKind.ADJUSTING, each, last) for each in range(after, after + rule.adjusting_periods)
    ]
    return FiscalYear(number, kind, year.label, (*standard, *adjusting))


@dataclass(frozen=True)
class _Year:
    number: int
    label: str
    opening: int


def _period(rule: CalendarRule, year: _Year, kind: PeriodKind, number: int, slot: Slot) -> FiscalPeriod:
    quarter = rule.quarter(slot.place)
    month_year, month = rule.cycle.month_named(slot.opening, slot.place)
    words = {
        "label": year.label,
        "year": str(year.number),
        "number": f"{number:02}",
        "quarter": str(quarter),
        "month": _MONTHS[month - 1],
        "month_year": str(month_year),
        "start": slot.begins.isoformat(),
        "end": slot.ends.isoformat(),
    }
    pattern = rule.naming.period if kind is PeriodKind.STANDARD else rule.naming.adjusting
    name = PLACEHOLDER.sub(lambda found: words[found[1]], pattern)
    # What a long year has of another is in no quarter: the fourth one of that year is not the fourth one of this.
    return FiscalPeriod(number, kind, slot.begins, slot.ends, name, quarter if slot.opening == year.opening else None)


def _between(rule: CalendarRule, opening: int, starts: Sequence[date]) -> tuple[Slot, ...]:
    ends = [start - DAY for start in (*starts[1:], rule.cycle.starts(opening + 1)[0])]
    return tuple(
        Slot(opening, place, begins, end) for place, (begins, end) in enumerate(zip(starts, ends, strict=True), start=1)
    )
