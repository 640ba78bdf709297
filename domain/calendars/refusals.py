"""What a fiscal calendar says no to."""

from domain.errors import Conflict, Invalid, Missing


class NoPeriod(Missing):
    """No period has this day."""

    kind = "no-period"


class DayNotRestated(Missing):
    """This day is in the week that the restated year leaves out."""

    kind = "day-not-in-restated-calendar"


class NotRestatable(Conflict):
    """Only a calendar of 52 and 53 weeks has a restated view."""

    kind = "not-restatable"


class NumberTaken(Conflict):
    """The first year under the new rule would have the number of a year that the calendar has had."""

    kind = "fiscal-year-taken"


class NaiveInstant(Invalid):
    """An instant needs its offset from UTC; only a date may stand alone."""

    kind = "naive-instant"
