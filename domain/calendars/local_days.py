"""A day is the day on the clocks of the entity's zone; an instant is in the day that those clocks show at it."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from domain.calendars.refusals import NaiveInstant
from domain.calendars.rules import FIRST_YEAR, LAST_YEAR
from domain.errors import Fault, Invalid

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?([Zz]|[+-]\d{2}:\d{2})?")
_MEANT = "a date, as 2024-03-31, or an instant with its offset, as 2024-04-01T03:30:00Z"
_LONGEST_SKIP = 2 * 24 * 3600
"""Seconds; no clock was ever put forward by more than a day."""


def time_zone(raw: Any, path: str = "/time_zone") -> ZoneInfo:
    try:
        return ZoneInfo(raw)
    except (TypeError, ValueError, OSError, KeyError, AttributeError):  # what it raises for what is no name
        raise Invalid([Fault(path, "a name of the IANA time zone database, as Europe/Berlin")]) from None


def local_date(instant: datetime, zone: str | ZoneInfo, path: str = "/at") -> date:
    if instant.tzinfo is None:
        raise NaiveInstant([Fault(path, _MEANT)])
    return instant.astimezone(_zone(zone)).date()


def first_instant(day: date, zone: str | ZoneInfo) -> datetime:
    """When the clocks first show this day, in UTC; where they skip it, when they first show a later one.

    Only for people to read and for deadlines: where clocks are put back over midnight a day begins twice, so which
    period an instant is in is asked of `local_date`, never of two such instants.
    """
    place = _zone(zone)
    midnight = datetime.combine(day, time(), place)
    shown = midnight.astimezone(UTC)
    if shown.astimezone(place).replace(tzinfo=None) == midnight.replace(tzinfo=None):
        return shown
    return _first_from(shown, day, place)


def day_meant(raw: Any, zone: str | ZoneInfo, path: str = "/on") -> date:
    """A date is a date of the entity; an instant is the date there at that instant."""
    text = raw if isinstance(raw, str) else ""
    try:
        if _DATE.fullmatch(text):
            return _bounded(date.fromisoformat(text), path)
        instant = datetime.fromisoformat(text.upper()) if _MOMENT.fullmatch(text) else None
    except ValueError:
        instant = None
    if instant is None:
        raise Invalid([Fault(path, _MEANT)])
    _bounded(instant.date(), path)
    return local_date(instant, zone, path)


def _bounded(day: date, path: str) -> date:
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise Invalid([Fault(path, f"a day from {FIRST_YEAR} to {LAST_YEAR}")])
    return day


def _first_from(shown: datetime, day: date, zone: ZoneInfo) -> datetime:
    """The clocks jump over the midnight at some second before `shown`, which is found by halving."""
    early, late = -_LONGEST_SKIP, 0
    while late - early > 1:
        middle = (early + late) // 2
        there = (shown + timedelta(seconds=middle)).astimezone(zone).date()
        early, late = (early, middle) if there >= day else (middle, late)
    return shown + timedelta(seconds=late)


def _zone(zone: str | ZoneInfo) -> ZoneInfo:
    return zone if isinstance(zone, ZoneInfo) else time_zone(zone)
