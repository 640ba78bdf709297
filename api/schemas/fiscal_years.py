"""Fiscal years and their periods, on the wire: local dates, both inside."""

import re
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BeforeValidator, Field

from api.schemas.common import In, Out, Reason
from api.schemas.entities import Title
from application.calendars.making import Made, YearWish
from application.ports.calendars import StoredYear
from domain.calendars import FIRST_YEAR, LAST_YEAR, FiscalPeriod, FiscalYear, Numbering, PeriodKind, YearKind
from domain.calendars.given import MOST_PERIODS, Span

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def _day(value: Any) -> Any:
    if isinstance(value, str) and _DATE.fullmatch(value) and FIRST_YEAR <= int(value[:4]) <= LAST_YEAR:
        return value
    raise ValueError(f"expected a date from {FIRST_YEAR} to {LAST_YEAR}, like 2024-03-31")


Day = Annotated[date, BeforeValidator(_day), Field(examples=["2024-03-31"])]
Number = Annotated[int, Field(strict=True, ge=FIRST_YEAR, le=LAST_YEAR, examples=[2025])]
Flag = Annotated[bool, Field(strict=True)]


class SpanIn(In):
    """Both days are inside."""

    begins: Day
    ends: Day
    name: Title | None = None


class YearIn(In):
    """As the rule says, or: from `begins` or until `ends`, shorter or `long`er than a year; or these `periods`."""

    begins: Day | None = None
    ends: Day | None = None
    long: Flag = False
    numbering: Numbering = Numbering.FROM_ONE
    periods: Annotated[tuple[SpanIn, ...], Field(max_length=MOST_PERIODS)] = ()

    def wish(self) -> YearWish:
        spans = tuple(Span(each.begins, each.ends, each.name) for each in self.periods)
        return YearWish(self.begins, self.ends, self.long, self.numbering, spans)


class NewYearIn(YearIn):
    reason: Reason


class DraftPeriodOut(Out):
    number: int
    kind: PeriodKind
    begins: date
    ends: date
    days: int
    name: str
    quarter: int | None

    @classmethod
    def of(cls, period: FiscalPeriod) -> "DraftPeriodOut":
        return cls(**of_period(period))


class PeriodOut(DraftPeriodOut):
    id: UUID


class DraftYearOut(Out):
    """A year that nobody has made. `begins` and `ends` are local dates, both inside."""

    code: str
    number: int
    kind: YearKind
    label: str
    begins: date
    ends: date
    days: int
    periods: list[DraftPeriodOut]

    @classmethod
    def of(cls, year: FiscalYear) -> "DraftYearOut":
        return cls(**_of_year(year), periods=[DraftPeriodOut.of(each) for each in year.periods])


class DraftsOut(Out):
    """With the transition year before it, where the rule changed."""

    years: list[DraftYearOut]

    @classmethod
    def of(cls, years: tuple[FiscalYear, ...]) -> "DraftsOut":
        return cls(years=[DraftYearOut.of(each) for each in years])


class YearOut(Out):
    """`version` is that of the rule that made it; `used` once something was opened, posted or closed in it."""

    id: UUID
    code: str
    number: int
    kind: YearKind
    label: str
    begins: date
    ends: date
    days: int
    version: int
    used: bool
    made_by: UUID
    made_at: datetime
    reason: str
    periods: list[PeriodOut]

    @classmethod
    def of(cls, stored: StoredYear) -> "YearOut":
        pairs = zip(stored.periods, stored.year.periods, strict=True)
        return cls(
            id=stored.id, **_of_year(stored.year), version=stored.version, used=stored.used, made_by=stored.made_by,
            made_at=stored.made_at, reason=stored.reason,
            periods=[PeriodOut(id=id_, **of_period(period)) for id_, period in pairs],
        )  # fmt: skip


class YearPage(Out):
    items: list[YearOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[StoredYear], str | None]) -> "YearPage":
        return cls(items=[YearOut.of(each) for each in page[0]], next_cursor=page[1])


class MadeOut(Out):
    """`created` is false where the year was there; its ids are the same ever after."""

    created: bool
    years: list[YearOut]

    @classmethod
    def of(cls, made: Made) -> "MadeOut":
        return cls(created=made.fresh, years=[YearOut.of(each) for each in made.years])


def of_period(period: FiscalPeriod) -> dict[str, Any]:
    return {**vars(period), "days": period.days}


def _of_year(year: FiscalYear) -> dict[str, Any]:
    return {
        "code": year.code,
        "number": year.number,
        "kind": year.kind,
        "label": year.label,
        "begins": year.begins,
        "ends": year.ends,
        "days": year.days,
    }
