"""Rules that companies and states are known to keep."""

from datetime import date
from typing import Any

from domain.calendars import CalendarRule, FiscalPeriod, FiscalYear, parse_rule

Span = tuple[str, str]


def gregorian(**fields: Any) -> CalendarRule:
    return parse_rule({"kind": "gregorian"} | fields)


def weeks(which: str, weekday: str, month: int, pattern: Any = "4-4-5", **fields: Any) -> CalendarRule:
    anchor = {"which": which, "weekday": weekday, "month": month}
    return parse_rule({"kind": "52-53-week", "anchor": anchor, "pattern": pattern} | fields)


MONTHS = gregorian()
UNITED_KINGDOM = gregorian(start_month=4, start_day=6, labels="two-year")
RETAIL = weeks("nearest", "sat", 1, "4-5-4", labels="start")
THIRTEEN = weeks("nearest", "sat", 1, "13x4", labels="start")
APPLE = weeks("last", "sat", 9, "5-4-4", extra_week={"quarter": 1})
AUTOZONE = weeks("last", "sat", 8, "12-12-12-16", extra_week={"quarter": 4})
NVIDIA = weeks("last", "sun", 1)


def day(text: str) -> date:
    return date.fromisoformat(text)


def span(of: FiscalYear | FiscalPeriod) -> Span:
    return of.begins.isoformat(), of.ends.isoformat()


def spans(year: FiscalYear) -> list[Span]:
    return [span(period) for period in year.standard]
