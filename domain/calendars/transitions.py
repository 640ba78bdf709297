"""When a calendar changes its rule, the days between the two are a year of their own, or belong to the next."""

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from fractions import Fraction

from domain.calendars.cycles import month_end
from domain.calendars.generating import DAY, assembled, clipped, fiscal_year, slots
from domain.calendars.refusals import NumberTaken
from domain.calendars.rules import CalendarRule
from domain.calendars.years import FiscalYear, YearKind

FULL_DAYS = 359
"""A short period of so many days counts as a full year (26 CFR 1.441-2)."""
OWN_DAYS = 7
"""One of fewer days is no year; they are added to the next (the same place)."""
_YEAR_DAYS = 365


class ShortPeriods(StrEnum):
    """What becomes of the days between two rules: what the tax law of the United States says, or always a year."""

    IRS = "irs"
    SEPARATE = "separate"


class Outcome(StrEnum):
    CONTIGUOUS = "contiguous"
    MERGED = "merged"
    FULL = "full"
    SHORT = "short"


@dataclass(frozen=True)
class Transition:
    """`year` is the first under the new rule, and `days` are those between the two rules."""

    outcome: Outcome
    days: int
    year: FiscalYear
    policy: ShortPeriods

    @property
    def follows(self) -> int:
        """The number of the first ordinary year after `year`."""
        return self.year.number + (self.outcome is not Outcome.SHORT)

    @property
    def annualisation(self) -> Fraction | None:
        """By which the income of a short period is multiplied, where the law asks for that."""
        asked = self.outcome is Outcome.SHORT and self.policy is ShortPeriods.IRS
        return Fraction(_YEAR_DAYS, self.days) if asked else None


def transition(last: FiscalYear, rule: CalendarRule, policy: ShortPeriods) -> Transition:
    """From the day after `last`, the last year under the old rule, to the new rule."""
    begins = last.ends + DAY
    number = rule.number_on(begins)
    if rule.begins(number) != begins:
        number += 1
    days = (rule.begins(number) - begins).days
    outcome = _outcome(days, policy)
    year = _first(rule, number, begins, outcome)
    if _order(year) <= _order(last):
        raise NumberTaken(year=year.code, last=last.code)
    return Transition(outcome, days, year, policy)


def deemed_span(begins: date, ends: date) -> tuple[date, date]:
    """The whole months that a year of weeks stands for in law: those beginning and ending nearest its own days."""
    return _nearest_first(begins), _nearest_first(ends + DAY) - DAY


def _outcome(days: int, policy: ShortPeriods) -> Outcome:
    if not days:
        return Outcome.CONTIGUOUS
    if policy is ShortPeriods.IRS and days < OWN_DAYS:
        return Outcome.MERGED
    if policy is ShortPeriods.IRS and days >= FULL_DAYS:
        return Outcome.FULL
    return Outcome.SHORT


def _first(rule: CalendarRule, number: int, begins: date, outcome: Outcome) -> FiscalYear:
    if outcome is Outcome.CONTIGUOUS:
        return fiscal_year(rule, number)
    if outcome is Outcome.MERGED:
        first, *others = slots(rule, number)
        return assembled(rule, number, YearKind.LONG, (replace(first, begins=begins), *others))
    row = clipped(slots(rule, number - 1), begins=begins)
    if outcome is Outcome.FULL:
        return assembled(rule, number - 1, YearKind.STANDARD, row)
    return assembled(rule, number, YearKind.TRANSITION, row)


def _order(year: FiscalYear) -> tuple[int, bool]:
    """A transition year comes before the ordinary year of its number."""
    return year.number, year.kind is not YearKind.TRANSITION


def _nearest_first(day: date) -> date:
    """The first day of a month that is nearest; of two as near, the earlier."""
    this = day.replace(day=1)
    following = month_end(day.year, day.month) + DAY
    return this if day - this <= following - day else following
