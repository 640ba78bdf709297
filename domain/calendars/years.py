"""A fiscal year is its periods; both are local dates, and the last day is inside."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any


class YearKind(StrEnum):
    """A transition year stands between two rules."""

    STANDARD = "standard"
    SHORT = "short"
    LONG = "long"
    TRANSITION = "transition"


class PeriodKind(StrEnum):
    """Each day of the year is in one standard period; an adjusting one is chosen by its number, never by a day."""

    STANDARD = "standard"
    ADJUSTING = "adjusting"


@dataclass(frozen=True)
class FiscalPeriod:
    number: int
    kind: PeriodKind
    begins: date
    ends: date
    name: str
    quarter: int | None = None

    @property
    def days(self) -> int:
        return (self.ends - self.begins).days + 1

    def to_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "kind": self.kind.value,
            "begins": self.begins.isoformat(),
            "ends": self.ends.isoformat(),
            "name": self.name,
            "quarter": self.quarter,
        }


@dataclass(frozen=True)
class FiscalYear:
    number: int
    kind: YearKind
    label: str
    periods: tuple[FiscalPeriod, ...]

    @property
    def code(self) -> str:
        """One of a kind in its calendar, and fit for a path, as a label with a slash is not."""
        return f"{self.number}T" if self.kind is YearKind.TRANSITION else str(self.number)

    @property
    def standard(self) -> tuple[FiscalPeriod, ...]:
        return tuple(period for period in self.periods if period.kind is PeriodKind.STANDARD)

    @property
    def begins(self) -> date:
        return self.periods[0].begins

    @property
    def ends(self) -> date:
        return self.periods[-1].ends

    @property
    def days(self) -> int:
        return (self.ends - self.begins).days + 1

    def period_on(self, day: date) -> FiscalPeriod | None:
        return next((period for period in self.standard if period.begins <= day <= period.ends), None)

    def to_json(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "number": self.number,
            "kind": self.kind.value,
            "label": self.label,
            "begins": self.begins.isoformat(),
            "ends": self.ends.isoformat(),
            "days": self.days,
            "periods": [period.to_json() for period in self.periods],
        }
