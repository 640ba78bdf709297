"""Bookkeeping is taken as a whole, or refused with everything that is wrong with it."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from domain.bookkeeping.contents import (
    BOOKS,
    CALENDARS,
    ENTITIES,
    SCOPES,
    Bookkeeping,
    KeptCalendar,
)
from domain.bookkeeping.years import parse_years, whole
from domain.calendars import FIRST_YEAR, ShortPeriods, parse_rule, time_zone
from domain.calendars.rules import LAST_YEAR
from domain.canonical import Json
from domain.errors import Fault, Invalid
from domain.periods import LateEntries
from domain.periods.scope import CODE as SCOPE
from domain.reading import Reading

KEY = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,99}")
_TITLE, _COUNTRY, _PART = re.compile(r".{1,200}", re.DOTALL), re.compile("[A-Z]{2}"), re.compile("[A-Z0-9]{1,3}")
_MOST = {ENTITIES: 10_000, CALENDARS: 1_000, BOOKS: 10_000, SCOPES: 1_000}
_MOST_VERSIONS, _MOST_OPEN = 1_000, 100
T = TypeVar("T")
Faults = list[Fault]


def parse_bookkeeping(raw: Mapping[str, Json], faults: Faults) -> Bookkeeping:
    """What the sections say; each fault is added at its JSON Pointer. A section that is missing says nothing."""
    entities = _section(raw, ENTITIES, _entity, faults)
    calendars = _section(raw, CALENDARS, _calendar, faults)
    books = _section(raw, BOOKS, _books, faults)
    scopes = _section(raw, SCOPES, _scope, faults)
    return Bookkeeping(entities, calendars, books, scopes)


def _section(
    raw: Mapping[str, Json], name: str, parse: Callable[[Reading], tuple[str, T]], faults: Faults
) -> dict[str, T]:
    """What was read without a fault, by what it is called."""
    listed = raw.get(name, [])
    if not isinstance(listed, list) or len(listed) > _MOST[name]:
        faults.append(Fault(f"/{name}", f"expected an array of at most {_MOST[name]}"))
        return {}
    found: dict[str, T] = {}
    for place, each in enumerate(listed):
        path = f"/{name}/{place}"
        if not isinstance(each, dict):
            faults.append(Fault(path, "expected an object"))
            continue
        own: Faults = []
        called, thing = parse(Reading(each, path, own))
        if not own and called in found:
            own.append(Fault(path, "another one is called the same"))
        faults += own
        if not own:
            found[called] = thing
    return found


def _entity(reading: Reading) -> tuple[str, Json]:
    reading.known({"code", "name", "time_zone", "parent", "country", "subdivision"})
    said: dict[str, Any] = {
        "code": _text(reading, "code", KEY),
        "name": _text(reading, "name", _TITLE),
        "time_zone": reading.raw.get("time_zone"),
        "parent": _text(reading, "parent", KEY, optional=True),
        "country": _text(reading, "country", _COUNTRY, optional=True),
        "subdivision": _text(reading, "subdivision", _PART, optional=True),
    }
    _tried(time_zone, said["time_zone"], f"{reading.path}/time_zone", reading.faults, whole=True)
    return said["code"], said


def _calendar(reading: Reading) -> tuple[str, KeptCalendar]:
    reading.known({"code", "entity", "versions", "years"})
    code, entity = _text(reading, "code", KEY), _text(reading, "entity", KEY, optional=True)
    versions = tuple(_versions(reading))
    years = parse_years(reading, len(versions))
    found = KeptCalendar(code, entity, versions, years)
    return found.name, found


def _versions(reading: Reading) -> Iterator[Json]:
    listed = reading.raw.get("versions")
    if not isinstance(listed, list) or not 1 <= len(listed) <= _MOST_VERSIONS:
        reading.fault("versions", f"1 to {_MOST_VERSIONS} of them")
        return
    for place, each in enumerate(listed):
        path = f"{reading.path}/versions/{place}"
        if not isinstance(each, dict):
            reading.faults.append(Fault(path, "an object"))
            continue
        inner = Reading(each, path, reading.faults)
        inner.known({"from_year", "rule", "short_periods"})
        first = whole(inner, "from_year", least=FIRST_YEAR, most=LAST_YEAR)
        short = inner.choice("short_periods", ShortPeriods.SEPARATE, ShortPeriods)
        rule = _tried(parse_rule, each.get("rule"), f"{path}/rule", reading.faults)
        if first is not None and rule is not None:
            yield {"from_year": first, "rule": rule.to_json(), "short_periods": short.value}


def _books(reading: Reading) -> tuple[str, Json]:
    reading.known({"entity", "calendar", "late_entries", "most_open", "opens_itself"})
    calendar = reading.inner("calendar")
    calendar.known({"code", "entity"})
    most = reading.raw.get("most_open")
    if most is not None:
        most = whole(reading, "most_open", least=1, most=_MOST_OPEN)
    entity = _text(reading, "entity", KEY)
    return entity, {
        "entity": entity,
        "calendar": {"code": _text(calendar, "code", KEY), "entity": _text(calendar, "entity", KEY, optional=True)},
        "late_entries": reading.choice("late_entries", LateEntries.REJECT, LateEntries).value,
        "most_open": most,
        "opens_itself": reading.flag("opens_itself"),
    }


def _scope(reading: Reading) -> tuple[str, Json]:
    reading.known({"code", "name", "ledger", "sequential"})
    code, name = _text(reading, "code", SCOPE), _text(reading, "name", _TITLE)
    return code, {
        "code": code, "name": name, "ledger": reading.flag("ledger"), "sequential": reading.flag("sequential"),
    }  # fmt: skip


def _text(reading: Reading, name: str, pattern: re.Pattern[str], *, optional: bool = False) -> Any:
    value = reading.raw.get(name)
    if optional and value is None:
        return None
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        reading.fault(name, f"text that matches ^{pattern.pattern}$")
        return ""
    return value


def _tried(
    parse: Callable[[Any], T], raw: Any, path: str, faults: Faults, *, whole: bool = False
) -> T | None:  # fmt: skip
    try:
        return parse(raw)
    except Invalid as refusal:
        faults += [replace(each, path=path if whole else path + each.path) for each in refusal.faults]
        return None
