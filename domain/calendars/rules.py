"""The rule of a fiscal calendar: from it alone follows every year, what it is called, and which days it has."""

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from domain.calendars.cycles import QUARTERS, Gregorian, Weeks
from domain.errors import Fault, Invalid

FIRST_YEAR, LAST_YEAR = 1900, 2999
MOST_ADJUSTING = 4
PLACEHOLDER = re.compile(r"\{([a-z_]*)\}")
WORDS = ("label", "year", "number", "quarter", "month", "month_year", "start", "end")
"""What a pattern of names may have in braces."""


class Labels(StrEnum):
    """A year is called by the calendar year that it begins in, by the one that it ends in, or by both, as 2024/25."""

    START = "start"
    END = "end"
    TWO_YEAR = "two-year"


@dataclass(frozen=True)
class Naming:
    """Patterns of the names of periods."""

    period: str = "{label} P{number}"
    adjusting: str = "{label} P{number}"

    def to_json(self) -> dict[str, str]:
        return {"period": self.period, "adjusting": self.adjusting}


@dataclass(frozen=True)
class CalendarRule:
    """`adjusting_periods` have the last day of the year; nothing finds them by a date."""

    cycle: Gregorian | Weeks
    labels: Labels = Labels.END
    adjusting_periods: int = 0
    naming: Naming = Naming()

    def opening(self, number: int) -> int:
        """The calendar year that the fiscal year of this number begins in; a week more or less apart."""
        if not FIRST_YEAR <= number <= LAST_YEAR:
            raise Invalid([Fault("/year", f"a year from {FIRST_YEAR} to {LAST_YEAR}")])
        return number - self._ahead

    def begins(self, number: int) -> date:
        return self.cycle.starts(self.opening(number))[0]

    def number_on(self, day: date) -> int:
        """The fiscal year that this day lies in."""
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise Invalid([Fault("/date", f"a day from {FIRST_YEAR} to {LAST_YEAR}")])
        opening = day.year + 1
        while self.cycle.starts(opening)[0] > day:
            opening -= 1
        return opening + self._ahead

    def label(self, number: int) -> str:
        if self.labels is Labels.TWO_YEAR:
            return f"{number}/{(number + 1) % 100:02}"
        return f"FY{number}"

    def quarter(self, place: int) -> int | None:
        """None where the periods of a year do not make up four quarters."""
        return None if self.cycle.places % QUARTERS else (place - 1) // (self.cycle.places // QUARTERS) + 1

    def to_json(self) -> dict[str, Any]:
        return self.cycle.to_json() | {
            "labels": self.labels.value,
            "adjusting_periods": self.adjusting_periods,
            "naming": self.naming.to_json(),
        }

    @property
    def _ahead(self) -> int:
        return int(self.labels is Labels.END and self.cycle.crosses)
