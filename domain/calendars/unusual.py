"""The first and the last year of a calendar may be shorter or longer than a year."""

from datetime import date

from domain.calendars.generating import Numbering, assembled, clipped, fiscal_year, slots
from domain.calendars.rules import CalendarRule
from domain.calendars.years import FiscalYear, YearKind
from domain.errors import Fault, Invalid


def opening_year(
    rule: CalendarRule, begins: date, *, long: bool = False, numbering: Numbering = Numbering.FROM_ONE
) -> FiscalYear:
    """From this day to the end of the year that it lies in, or, when `long`, of the one after."""
    number = rule.number_on(begins)
    row = slots(rule, number)
    if begins == row[0].begins:
        _refuse_whole(long=long, path="/begins")
        return fiscal_year(rule, number)
    if long:
        row += slots(rule, number + 1)
        return assembled(rule, number + 1, YearKind.LONG, clipped(row, begins=begins))
    return assembled(rule, number, YearKind.SHORT, clipped(row, begins=begins), numbering)


def closing_year(rule: CalendarRule, ends: date, *, long: bool = False) -> FiscalYear:
    """Up to this day from the beginning of the year that it lies in, or, when `long`, of the one before."""
    number = rule.number_on(ends)
    row = slots(rule, number)
    if ends == row[-1].ends:
        _refuse_whole(long=long, path="/ends")
        return fiscal_year(rule, number)
    if long:
        row = slots(rule, number - 1) + row
        return assembled(rule, number - 1, YearKind.LONG, clipped(row, ends=ends))
    return assembled(rule, number, YearKind.SHORT, clipped(row, ends=ends))


def _refuse_whole(*, long: bool, path: str) -> None:
    if long:
        raise Invalid([Fault(path, "a day inside a year: from here a long year would be two whole ones")])
