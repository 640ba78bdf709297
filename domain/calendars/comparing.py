"""Two calendars side by side: the days that a period of one shares with a period of the other."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from domain.calendars.generating import DAY
from domain.calendars.years import FiscalPeriod, FiscalYear


@dataclass(frozen=True)
class Stretch:
    """Days that are in one period of each calendar, or in none of it."""

    begins: date
    ends: date
    one: FiscalPeriod | None
    other: FiscalPeriod | None

    @property
    def days(self) -> int:
        return (self.ends - self.begins).days + 1

    @property
    def agrees(self) -> bool:
        """Whether both periods have the same days, so that figures of one may stand beside figures of the other."""
        if self.one is None or self.other is None:
            return False
        return (self.one.begins, self.one.ends) == (self.other.begins, self.other.ends)

    def to_json(self) -> dict[str, Any]:
        return {
            "begins": self.begins.isoformat(),
            "ends": self.ends.isoformat(),
            "days": self.days,
            "agrees": self.agrees,
            "one": self.one.to_json() if self.one else None,
            "other": self.other.to_json() if self.other else None,
        }


def compare(one: Iterable[FiscalYear], other: Iterable[FiscalYear], begins: date, ends: date) -> tuple[Stretch, ...]:
    """The whole span from `begins` to `ends`, cut wherever a period of either begins or ends."""
    left, right = (_by_day(years) for years in (one, other))
    cuts = {day for each in (*left, *right) for day in (each.begins, each.ends + DAY) if begins < day <= ends}
    firsts = sorted({begins, *cuts}) if begins <= ends else []
    lasts = [*(first - DAY for first in firsts[1:]), ends]
    return tuple(
        Stretch(first, last, _at(left, first), _at(right, first)) for first, last in zip(firsts, lasts, strict=False)
    )


def _by_day(years: Iterable[FiscalYear]) -> list[FiscalPeriod]:
    return sorted((period for year in years for period in year.standard), key=_begins)


def _at(periods: Sequence[FiscalPeriod], day: date) -> FiscalPeriod | None:
    place = bisect_right(periods, day, key=_begins)
    found = periods[place - 1] if place else None
    return found if found is not None and day <= found.ends else None


def _begins(period: FiscalPeriod) -> date:
    return period.begins
