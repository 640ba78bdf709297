"""Fiscal calendars, what is found in them, and how two of them lie beside each other, on the wire."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from api.schemas.common import In, Object, Out, Reason
from api.schemas.fiscal_years import DraftPeriodOut, Flag, Number, PeriodOut, of_period
from application.calendars.configuring import CalendarWish
from application.calendars.looking_up import PeriodFound
from application.ports.calendars import StoredCalendar
from domain.calendars import ShortPeriods, Stretch, YearKind

MONTHS: dict[str, Any] = {"kind": "gregorian", "start_month": 7, "labels": "end", "adjusting_periods": 1}
WEEKS: dict[str, Any] = {
    "kind": "52-53-week",
    "anchor": {"which": "nearest", "weekday": "sat", "month": 1},
    "pattern": [4, 5, 4],
    "labels": "start",
}


class CalendarIn(In):
    """`from_year` is the first that the rule makes, unless said the one after the last that was made.

    `short_periods` is what becomes of the days between the old rule and this one: `separate` makes them a year of
    their own, `irs` goes by 26 CFR 1.441-2.
    """

    rule: Object = Field(examples=[MONTHS, WEEKS])
    from_year: Number | None = None
    short_periods: ShortPeriods = ShortPeriods.SEPARATE
    reason: Reason

    def wish(self) -> CalendarWish:
        return CalendarWish(self.rule, self.from_year, self.short_periods)


class CalendarOut(Out):
    """`entity` is whose it is: null for that of the tenant, by which every entity goes that has none of this code."""

    id: UUID
    code: str
    entity: str | None
    version: int
    from_year: int
    rule: Object
    short_periods: ShortPeriods
    written_by: UUID
    written_at: datetime
    reason: str

    @classmethod
    def of(cls, found: StoredCalendar) -> "CalendarOut":
        facts = {name: value for name, value in vars(found).items() if name != "request"}
        return cls(**{**facts, "entity": found.entity or None})


class CalendarPage(Out):
    items: list[CalendarOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[StoredCalendar], str | None]) -> "CalendarPage":
        return cls(items=[CalendarOut.of(each) for each in page[0]], next_cursor=page[1])


class DraftIn(In):
    """A rule that is written nowhere, and the year to make of it."""

    rule: Object = Field(examples=[MONTHS, WEEKS])
    year: Number
    restated: Flag = False


class YearNameOut(Out):
    id: UUID
    code: str
    label: str
    kind: YearKind


class PeriodFoundOut(Out):
    """`starts` and `stops` are instants, `stops` outside; null where no entity was named."""

    day: date
    calendar: UUID
    time_zone: str | None
    year: YearNameOut
    period: PeriodOut
    starts: datetime | None
    stops: datetime | None

    @classmethod
    def of(cls, found: PeriodFound) -> "PeriodFoundOut":
        year = found.year.year
        return cls(
            day=found.date, calendar=found.held.calendar.id,
            time_zone=found.held.entity.time_zone if found.held.entity else None,
            year=YearNameOut(id=found.year.id, code=year.code, label=year.label, kind=year.kind),
            period=PeriodOut(id=found.id, **of_period(found.period)), starts=found.starts, stops=found.stops,
        )  # fmt: skip


class StretchOut(Out):
    """`agrees`: both periods have the same days."""

    begins: date
    ends: date
    days: int
    agrees: bool
    one: DraftPeriodOut | None
    other: DraftPeriodOut | None


class ComparisonOut(Out):
    stretches: list[StretchOut]

    @classmethod
    def of(cls, stretches: tuple[Stretch, ...]) -> "ComparisonOut":
        return cls(stretches=[_stretch(each) for each in stretches])


def _stretch(found: Stretch) -> StretchOut:
    one, other = (DraftPeriodOut.of(each) if each else None for each in (found.one, found.other))
    return StretchOut(
        begins=found.begins, ends=found.ends, days=found.days, agrees=found.agrees, one=one, other=other
    )  # fmt: skip
