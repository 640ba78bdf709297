"""Fiscal years and periods: local dates that follow from a rule, and what is asked about them."""

from domain.calendars.comparing import Stretch, compare
from domain.calendars.cycles import LAST_DAY, Gregorian, Weeks, Which
from domain.calendars.due_dates import BusinessDays
from domain.calendars.generating import Numbering, fiscal_year, restated_period_on, restated_year, years_over
from domain.calendars.local_days import day_meant, first_instant, local_date, time_zone
from domain.calendars.looking_up import no_period, period_on
from domain.calendars.parsing import parse_rule
from domain.calendars.refusals import DayNotRestated, NaiveInstant, NoPeriod, NotRestatable, NumberTaken
from domain.calendars.rules import FIRST_YEAR, LAST_YEAR, CalendarRule, Labels, Naming
from domain.calendars.transitions import Outcome, ShortPeriods, Transition, deemed_span, transition
from domain.calendars.unusual import closing_year, opening_year
from domain.calendars.years import FiscalPeriod, FiscalYear, PeriodKind, YearKind

__all__ = [
    "FIRST_YEAR",
    "LAST_DAY",
    "LAST_YEAR",
    "BusinessDays",
    "CalendarRule",
    "DayNotRestated",
    "FiscalPeriod",
    "FiscalYear",
    "Gregorian",
    "Labels",
    "NaiveInstant",
    "Naming",
    "NoPeriod",
    "NotRestatable",
    "NumberTaken",
    "Numbering",
    "Outcome",
    "PeriodKind",
    "ShortPeriods",
    "Stretch",
    "Transition",
    "Weeks",
    "Which",
    "YearKind",
    "closing_year",
    "compare",
    "day_meant",
    "deemed_span",
    "first_instant",
    "fiscal_year",
    "local_date",
    "no_period",
    "opening_year",
    "parse_rule",
    "period_on",
    "restated_period_on",
    "restated_year",
    "time_zone",
    "transition",
    "years_over",
]
