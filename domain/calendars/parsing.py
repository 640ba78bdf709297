"""A rule is read as a whole, or refused with everything that is wrong with it."""

import re
from typing import Any

from domain.calendars.cycles import LAST_DAY, MONTHS, QUARTERS, WEEKDAYS, WEEKS, Gregorian, Weeks, Which
from domain.calendars.generating import fiscal_year
from domain.calendars.rules import MOST_ADJUSTING, PLACEHOLDER, WORDS, CalendarRule, Labels, Naming
from domain.calendars.years import PeriodKind
from domain.errors import Fault, Invalid
from domain.reading import Reading

_KINDS = ("gregorian", "52-53-week")
_COMMON = {"kind", "labels", "adjusting_periods", "naming", "number_of_periods"}
_FIELDS = {
    "gregorian": {"start_month", "start_day", "months_per_period"},
    "52-53-week": {"anchor", "pattern", "extra_week"},
}
_MONTHS_PER_PERIOD = (1, 3, 6, 12)
_MOST_PERIODS = 13
_LAST_START = 28
_MOST_CHARACTERS = 64
_SAMPLE = 2024
_PATTERN = (
    f"the weeks of each of at most {_MOST_PERIODS} periods, 13 in a quarter or {WEEKS} in a year, "
    'as "4-5-4", "13x4" or [12, 12, 12, 16]'
)
_ROW = re.compile(r"\d{1,2}(-\d{1,2}){0,12}")
_TIMES = re.compile(r"(\d{1,2})x(\d{1,2})")


def parse_rule(raw: Any) -> CalendarRule:
    """The rule in `raw`; Invalid with every fault, each at its JSON Pointer."""
    if not isinstance(raw, dict):
        raise Invalid([Fault("", "a rule is an object")])
    reading = Reading(raw, "", [])
    cycle = _cycle(reading)
    labels = Labels(reading.choice("labels", Labels.END, Labels))
    adjusting = _whole(reading, "adjusting_periods", 0, 0, MOST_ADJUSTING)
    naming = _naming(reading.inner("naming"), cycle)
    if cycle is not None and labels is Labels.TWO_YEAR and not cycle.crosses:
        reading.fault("labels", "start or end: this year lies in one calendar year")
    if cycle is not None:
        _check_count(reading, cycle.places, adjusting)
    if cycle is None or reading.faults:
        raise Invalid(reading.faults)
    rule = CalendarRule(cycle, labels, adjusting, naming)
    _check_names(rule)
    return rule


def _cycle(reading: Reading) -> Gregorian | Weeks | None:
    kind = reading.raw.get("kind")
    if kind not in _KINDS:
        reading.fault("kind", "one of " + ", ".join(_KINDS))
        return None
    reading.known(_COMMON | _FIELDS[kind])
    before = len(reading.faults)
    cycle = _gregorian(reading) if kind == "gregorian" else _weeks(reading)
    return cycle if len(reading.faults) == before else None


def _gregorian(reading: Reading) -> Gregorian:
    day = LAST_DAY if reading.raw.get("start_day") == "last" else None
    if day is None:
        day = _whole(reading, "start_day", 1, 1, _LAST_START, also=' or "last"')
    months = _whole(reading, "months_per_period", 1, 1, MONTHS)
    if months not in _MONTHS_PER_PERIOD:
        reading.fault("months_per_period", "1, 3, 6 or 12")
        months = 1
    return Gregorian(_whole(reading, "start_month", 1, 1, MONTHS), day, months)


def _weeks(reading: Reading) -> Weeks | None:
    anchor = reading.inner("anchor")
    anchor.known({"which", "weekday", "month"})
    which = anchor.choice("which", Which.LAST, Which, required=True)
    weekday = anchor.raw.get("weekday")
    if weekday not in WEEKDAYS:
        anchor.fault("weekday", "one of " + ", ".join(WEEKDAYS))
        weekday = WEEKDAYS[0]
    month = _whole(anchor, "month", None, 1, MONTHS)
    lengths = _lengths(reading)
    if lengths is None:
        return None
    return Weeks(which, WEEKDAYS.index(weekday), month, lengths, _extra(reading, len(lengths)))


def _lengths(reading: Reading) -> tuple[int, ...] | None:
    """The weeks of each period of a year, where the pattern may be that of a quarter."""
    raw = reading.raw.get("pattern")
    found = _row(raw) if isinstance(raw, str) else raw
    if isinstance(found, list) and all(type(each) is int and each > 0 for each in found):
        lengths: tuple[int, ...] = tuple(found) * (QUARTERS if sum(found) * QUARTERS == WEEKS else 1)
        if sum(lengths) == WEEKS and len(lengths) <= _MOST_PERIODS:
            return lengths
    reading.fault("pattern", _PATTERN)
    return None


def _row(text: str) -> list[int] | None:
    if found := _TIMES.fullmatch(text):
        return [int(found[2])] * min(int(found[1]), _MOST_PERIODS + 1)
    return [int(each) for each in text.split("-")] if _ROW.fullmatch(text) else None


def _extra(reading: Reading, places: int) -> int:
    """The place of the period that has week 53; the last one of the quarter that is named."""
    raw = reading.raw.get("extra_week")
    if raw is None:
        return places
    inner = reading.inner("extra_week")
    if inner.raw.keys() == {"period"}:
        return _whole(inner, "period", None, 1, places)
    if inner.raw.keys() == {"quarter"} and places % QUARTERS == 0:
        return _whole(inner, "quarter", None, 1, QUARTERS) * (places // QUARTERS)
    if isinstance(raw, dict):
        reading.fault("extra_week", "period, or quarter where the periods make up four quarters")
    return places


def _naming(reading: Reading, cycle: Gregorian | Weeks | None) -> Naming:
    reading.known({"period", "adjusting"})
    default = Naming()
    period = _pattern(reading, "period", default.period, cycle)
    return Naming(period, _pattern(reading, "adjusting", default.adjusting, cycle))


def _pattern(reading: Reading, name: str, default: str, cycle: Gregorian | Weeks | None) -> str:
    pattern = reading.raw.get(name, default)
    if not isinstance(pattern, str) or not 1 <= len(pattern.strip()) <= _MOST_CHARACTERS or not pattern.isprintable():
        reading.fault(name, f"a text of at most {_MOST_CHARACTERS} characters")
        return default
    used = set(PLACEHOLDER.findall(pattern))
    rest = PLACEHOLDER.sub("", pattern)
    if used - set(WORDS) or "{" in rest or "}" in rest:
        reading.fault(name, "in braces only " + ", ".join(WORDS))
    elif cycle and used & {"month", "month_year"} and cycle.places != MONTHS:
        reading.fault(name, "no month: the year has not twelve periods")
    elif cycle and "quarter" in used and cycle.places % QUARTERS:
        reading.fault(name, "no quarter: the periods do not make up four")
    return pattern


def _check_count(reading: Reading, places: int, adjusting: int) -> None:
    asked = reading.raw.get("number_of_periods")
    if asked is not None and (isinstance(asked, bool) or asked != places + adjusting):
        reading.fault("number_of_periods", f"{places + adjusting}: {places} and {adjusting} adjusting")


def _check_names(rule: CalendarRule) -> None:
    periods = fiscal_year(rule, _SAMPLE).periods
    names = [period.name for period in periods]
    if len(set(names)) == len(names):
        return
    alike = [period.kind for period in periods if names.count(period.name) > 1]
    name = "period" if alike.count(PeriodKind.STANDARD) > 1 else "adjusting"
    raise Invalid([Fault(f"/naming/{name}", "a pattern that names every period of a year differently")])


def _whole(reading: Reading, name: str, default: int | None, least: int, most: int, also: str = "") -> int:
    value = reading.raw.get(name, default)
    if type(value) is int and least <= value <= most:
        return value
    reading.fault(name, f"a whole number from {least} to {most}{also}")
    return least
