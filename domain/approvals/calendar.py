"""Time that counts: a deadline may count the hours of a business week, and not the nights between them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from domain.errors import Fault
from domain.pointers import escaped

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOST_HOLIDAYS = 200
MOST_SPANS = 4
LONGEST_SEARCH = 3660
"""Days; a calendar that is shut for ten years counts as if it were open."""
_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")
_DAY = 24 * 60


@dataclass(frozen=True)
class Calendar:
    """`week` has spans of minutes since midnight for each weekday, in `zone`; on `holidays` nothing counts."""

    zone: str
    week: tuple[tuple[tuple[int, int], ...], ...]
    holidays: tuple[date, ...] = ()

    def after(self, origin: datetime, span: timedelta) -> datetime:
        """The instant when `span` of business time has passed since `origin`, in UTC."""
        left = span
        for opens, shuts in self._open_from(origin):
            begins = max(opens, origin.astimezone(UTC))
            if begins >= shuts:
                continue
            if left <= shuts - begins:
                return begins + left
            left -= shuts - begins
        return origin.astimezone(UTC) + span

    def _open_from(self, origin: datetime) -> Iterator[tuple[datetime, datetime]]:
        zone, shut = ZoneInfo(self.zone), frozenset(self.holidays)
        first = origin.astimezone(zone).date()
        for ahead in range(LONGEST_SEARCH):
            day = first + timedelta(days=ahead)
            if day not in shut:
                yield from ((_at(day, opens, zone), _at(day, shuts, zone)) for opens, shuts in self.week[day.weekday()])

    def to_json(self) -> dict[str, Any]:
        hours = {DAYS[index]: [_told(span) for span in spans] for index, spans in enumerate(self.week) if spans}
        return {"time_zone": self.zone, "hours": hours, "holidays": [day.isoformat() for day in self.holidays]}


def window_named(raw: Any) -> str | None:
    """The change window whose hours are meant, where the calendar has none of its own."""
    named = raw["window"] if isinstance(raw, dict) and set(raw) == {"window"} else None
    return named if isinstance(named, str) and named else None


def parsed_calendar(raw: Any, path: str, faults: list[Fault]) -> Calendar | None:
    """The calendar of this JSON; what is wrong with it is added to `faults`."""
    if raw is None:
        return None
    if not isinstance(raw, dict):
        faults.append(Fault(path, "an object with time_zone, hours and holidays, or with the name of a change window"))
        return None
    known = {"time_zone", "hours", "holidays"}
    faults.extend(Fault(f"{path}/{escaped(key)}", "unknown field") for key in sorted(set(raw) - known))
    week = _week(raw.get("hours"), f"{path}/hours", faults)
    zone = _zone(raw.get("time_zone", "UTC"), f"{path}/time_zone", faults)
    return Calendar(zone, week, _holidays(raw.get("holidays", []), f"{path}/holidays", faults))


def _week(raw: Any, path: str, faults: list[Fault]) -> tuple[tuple[tuple[int, int], ...], ...]:
    if not isinstance(raw, dict) or not any(raw.values()):
        faults.append(Fault(path, "for at least one of " + ", ".join(DAYS) + ' a list like ["09:00-17:00"]'))
        return ((),) * len(DAYS)
    faults.extend(Fault(f"{path}/{escaped(key)}", "unknown field") for key in sorted(set(raw) - set(DAYS)))
    return tuple(_spans(raw.get(day, []), f"{path}/{day}", faults) for day in DAYS)


def _spans(raw: Any, path: str, faults: list[Fault]) -> tuple[tuple[int, int], ...]:
    found = [_span(each) for each in raw] if isinstance(raw, list) and len(raw) <= MOST_SPANS else [None]
    spans = [each for each in found if each is not None]
    apart = all(before[1] <= after[0] for before, after in pairwise(spans))
    if len(spans) < len(found) or not apart:
        faults.append(Fault(path, f'at most {MOST_SPANS} spans in order, like "09:00-17:00"'))
        return ()
    return tuple(spans)


def _span(raw: Any) -> tuple[int, int] | None:
    found = _SPAN.fullmatch(raw) if isinstance(raw, str) else None
    if found is None:
        return None
    opens, shuts = (60 * int(found[part]) + int(found[part + 1]) for part in (1, 3))
    return (opens, shuts) if opens < shuts <= _DAY else None


def _zone(raw: Any, path: str, faults: list[Fault]) -> str:
    try:
        return ZoneInfo(raw).key
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError, AttributeError):
        faults.append(Fault(path, "a time zone, like Europe/Zurich"))
        return "UTC"


def _holidays(raw: Any, path: str, faults: list[Fault]) -> tuple[date, ...]:
    try:
        days = sorted({date.fromisoformat(each) for each in raw}) if isinstance(raw, list) else None
    except (ValueError, TypeError):
        days = None
    if days is None or len(days) > MOST_HOLIDAYS:
        faults.append(Fault(path, f"at most {MOST_HOLIDAYS} days, like 2026-12-25"))
        return ()
    return tuple(days)


def _at(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    whole, rest = divmod(minutes, _DAY)
    local = datetime.combine(day + timedelta(days=whole), time(rest // 60, rest % 60), zone)
    return local.astimezone(UTC)


def _told(span: tuple[int, int]) -> str:
    return "-".join(f"{minutes // 60:02d}:{minutes % 60:02d}" for minutes in span)
