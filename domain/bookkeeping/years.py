"""Years of a document follow each other day by day, and so do the periods within each."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from domain.bookkeeping.contents import KeptYear
from domain.calendars import FIRST_YEAR, FiscalPeriod, FiscalYear, PeriodKind, YearKind
from domain.calendars.rules import LAST_YEAR
from domain.errors import Fault
from domain.reading import Reading

_MOST_YEARS, _MOST_PERIODS, _MOST_NAMED, _QUARTERS = 1_200, 70, 100, 4
_DAY = timedelta(days=1)


def parse_years(calendar: Reading, versions: int) -> tuple[KeptYear, ...]:
    """In order of their days; each is one of the versions that stand beside it."""
    listed = calendar.raw.get("years", [])
    if not isinstance(listed, list) or len(listed) > _MOST_YEARS:
        calendar.fault("years", f"at most {_MOST_YEARS} of them")
        return ()
    before = len(calendar.faults)
    found = [_year(each, f"{calendar.path}/years/{place}", calendar, versions) for place, each in enumerate(listed)]
    if len(calendar.faults) > before:
        return ()
    years = sorted((each for each in found if each is not None), key=lambda each: each.year.begins)
    calendar.faults.extend(_apart(years, f"{calendar.path}/years"))
    return tuple(years)


def _apart(years: Sequence[KeptYear], path: str) -> Iterator[Fault]:
    for one, next_ in pairwise(years):
        if next_.year.begins != one.year.ends + _DAY:
            yield Fault(path, f"{next_.year.code} to begin on the day after the end of {one.year.code}")
    codes = [each.year.code for each in years]
    yield from (Fault(path, f"{code} once") for code in sorted(set(codes)) if codes.count(code) > 1)


def _year(raw: Any, path: str, calendar: Reading, versions: int) -> KeptYear | None:
    if not isinstance(raw, dict):
        calendar.faults.append(Fault(path, "an object"))
        return None
    reading, before = Reading(raw, path, calendar.faults), len(calendar.faults)
    reading.known({"version", "number", "kind", "label", "periods"})
    version = whole(reading, "version", least=1, most=max(versions, 1))
    number = whole(reading, "number", least=FIRST_YEAR, most=LAST_YEAR)
    kind = reading.choice("kind", YearKind.STANDARD, YearKind, required=True)
    label = _named(reading, "label")
    periods = _periods(reading)
    if version is None or number is None or len(calendar.faults) > before:
        return None
    return KeptYear(version, FiscalYear(number, kind, label, periods))


def _periods(year: Reading) -> tuple[FiscalPeriod, ...]:
    listed = year.raw.get("periods")
    if not isinstance(listed, list) or not 1 <= len(listed) <= _MOST_PERIODS:
        year.fault("periods", f"1 to {_MOST_PERIODS} of them")
        return ()
    found = [_period(each, f"{year.path}/periods/{place}", year) for place, each in enumerate(listed)]
    periods = tuple(each for each in found if each is not None)
    if len(periods) == len(found):
        year.faults.extend(Fault(f"{year.path}/periods", message) for message in _odd(periods))
    return periods


def _odd(periods: Sequence[FiscalPeriod]) -> Iterator[str]:
    """Standard ones day after day, then the adjusting ones on the last day; numbers rise."""
    standard = [each for each in periods if each.kind is PeriodKind.STANDARD]
    if not standard or tuple(standard) != tuple(periods[: len(standard)]):
        yield "standard periods, and adjusting ones after them"
        return
    if any(next_.begins != one.ends + _DAY for one, next_ in pairwise(standard)):
        yield "each standard period to begin on the day after the one before it"
    last = standard[-1].ends
    if any((each.begins, each.ends) != (last, last) for each in periods[len(standard) :]):
        yield "adjusting periods on the last day of the year"
    if any(next_.number <= one.number for one, next_ in pairwise(periods)):
        yield "numbers that rise"


def _period(raw: Any, path: str, year: Reading) -> FiscalPeriod | None:
    if not isinstance(raw, dict):
        year.faults.append(Fault(path, "an object"))
        return None
    reading, before = Reading(raw, path, year.faults), len(year.faults)
    reading.known({"number", "kind", "begins", "ends", "name", "quarter"})
    number = whole(reading, "number", least=1, most=_MOST_PERIODS)
    kind = reading.choice("kind", PeriodKind.STANDARD, PeriodKind, required=True)
    begins, ends, name = _day(reading, "begins"), _day(reading, "ends"), _named(reading, "name")
    quarter = raw.get("quarter")
    if quarter is not None:
        quarter = whole(reading, "quarter", least=1, most=_QUARTERS)
    if begins is not None and ends is not None and ends < begins:
        reading.fault("ends", "a day that is not before `begins`")
    if number is None or begins is None or ends is None or len(year.faults) > before:
        return None
    return FiscalPeriod(number, kind, begins, ends, name, quarter)


def whole(reading: Reading, name: str, *, least: int, most: int) -> int | None:
    value = reading.raw.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return value
    reading.fault(name, f"a whole number from {least} to {most}")
    return None


def _day(reading: Reading, name: str) -> date | None:
    value = reading.raw.get(name)
    try:
        day = date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        day = None
    if day is None or day.isoformat() != value:
        reading.fault(name, "a date, as 2024-03-31")
        return None
    return day


def _named(reading: Reading, name: str) -> str:
    value = reading.raw.get(name)
    if isinstance(value, str) and 1 <= len(value) <= _MOST_NAMED:
        return value
    reading.fault(name, f"1 to {_MOST_NAMED} characters")
    return ""
