"""How a fiscal year is cut: into calendar months from any day, or into whole weeks that end on one weekday."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

LAST_DAY = 31
"""The start day that says: on the last day of the month."""
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
QUARTERS = 4
WEEKS = 52
MONTHS = 12
_WEEK = timedelta(weeks=1)
_NEAR = 3
"""Days; no weekday is farther from the end of a month than this, on one side or the other."""
_LATE = 15
"""A period that begins after this day is named for the next month: most of it lies there."""


class Which(StrEnum):
    """Of the weekdays about the end of a month: the last in it, or the nearest to it, which may lie after it."""

    LAST = "last"
    NEAREST = "nearest"


@dataclass(frozen=True)
class Gregorian:
    """Every period begins on `start_day`, `months_per_period` after the one before; the first in `start_month`."""

    start_month: int = 1
    start_day: int = 1
    months_per_period: int = 1

    @property
    def places(self) -> int:
        return MONTHS // self.months_per_period

    @property
    def crosses(self) -> bool:
        """Whether the year ends in the calendar year after the one that it begins in."""
        return (self.start_month, self.start_day) != (1, 1)

    def starts(self, opening: int) -> tuple[date, ...]:
        months = range(self.start_month, self.start_month + MONTHS, self.months_per_period)
        return tuple(self._day(opening, month) for month in months)

    def month_named(self, opening: int, place: int) -> tuple[int, int]:
        """Calendar year and month that the period at this place is named for."""
        late = self.start_day > _LATE
        return counted(opening, self.start_month + (place - 1) * self.months_per_period + late)

    def to_json(self) -> dict[str, Any]:
        day = "last" if self.start_day == LAST_DAY else self.start_day
        return {
            "kind": "gregorian",
            "start_month": self.start_month,
            "start_day": day,
            "months_per_period": self.months_per_period,
        }

    def _day(self, opening: int, month: int) -> date:
        year, month = counted(opening, month)
        return date(year, month, min(self.start_day, month_end(year, month).day))


@dataclass(frozen=True)
class Weeks:
    """The year ends on the last `weekday` of `month`, or on the one nearest its end.

    `lengths` has the weeks of each period of a year of 52; in a year of 53 the period number `extra` has one more.
    """

    which: Which
    weekday: int
    month: int
    lengths: tuple[int, ...]
    extra: int

    @property
    def places(self) -> int:
        return len(self.lengths)

    @property
    def crosses(self) -> bool:
        return self.month != MONTHS

    def starts(self, opening: int) -> tuple[date, ...]:
        first = self._first(opening)
        longer = self.weeks(opening) > WEEKS
        lengths = [weeks + (longer and place == self.extra) for place, weeks in enumerate(self.lengths, start=1)]
        return tuple(first + sum(lengths[:place]) * _WEEK for place in range(self.places))

    def restated(self, opening: int) -> tuple[date, ...]:
        """As `starts`, but a year of 53 weeks leaves out its first, and so lies beside the weeks of the year after."""
        first = self._first(opening) + (self.weeks(opening) - WEEKS) * _WEEK
        return tuple(first + sum(self.lengths[:place]) * _WEEK for place in range(self.places))

    def weeks(self, opening: int) -> int:
        return (self._first(opening + 1) - self._first(opening)) // _WEEK

    def month_named(self, opening: int, place: int) -> tuple[int, int]:
        return counted(opening, self.month % MONTHS + place)

    def to_json(self) -> dict[str, Any]:
        quarter = self.lengths[: self.places // QUARTERS]
        return {
            "kind": "52-53-week",
            "anchor": {"which": self.which.value, "weekday": WEEKDAYS[self.weekday], "month": self.month},
            "pattern": list(quarter if quarter * QUARTERS == self.lengths else self.lengths),
            "extra_week": {"period": self.extra},
        }

    def _first(self, opening: int) -> date:
        return self._last(opening - (self.month == MONTHS)) + timedelta(days=1)

    def _last(self, year: int) -> date:
        end = month_end(year, self.month)
        over = (end.weekday() - self.weekday) % 7
        ahead = self.which is Which.NEAREST and over > _NEAR
        return end - timedelta(days=over) + ahead * _WEEK


def month_end(year: int, month: int) -> date:
    following, month = counted(year, month + 1)
    return date(following, month, 1) - timedelta(days=1)


def counted(year: int, month: int) -> tuple[int, int]:
    """Year and month, where `month` may count on into the next years: month 13 is the next January."""
    return year + (month - 1) // MONTHS, (month - 1) % MONTHS + 1
