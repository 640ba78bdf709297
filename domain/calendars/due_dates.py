"""What is due some business days after a period; weekends and holidays move due dates and never a period."""

from dataclasses import dataclass
from datetime import date, timedelta

_DAY = timedelta(days=1)
_WEEKEND = frozenset({5, 6})
_WEEK = frozenset(range(7))


@dataclass(frozen=True)
class BusinessDays:
    """Every day but `holidays` and the days of the `weekend`, counted from Monday as 0."""

    holidays: frozenset[date] = frozenset()
    weekend: frozenset[int] = _WEEKEND

    def __post_init__(self) -> None:
        if not self.weekend < _WEEK:
            raise ValueError("a week has a day that is not its weekend")

    def open(self, day: date) -> bool:
        return day.weekday() not in self.weekend and day not in self.holidays

    def on_or_after(self, day: date) -> date:
        while not self.open(day):
            day += _DAY
        return day

    def after(self, day: date, count: int) -> date:
        """The business day number `count` after this day; number 0 is the first that is not before it."""
        if not count:
            return self.on_or_after(day)
        for _ in range(count):
            day = self.on_or_after(day + _DAY)
        return day

    def between(self, day: date, until: date) -> int:
        """How many there are after `day`, up to and with `until`."""
        return sum(self.open(day + ahead * _DAY) for ahead in range(1, (until - day).days + 1))
