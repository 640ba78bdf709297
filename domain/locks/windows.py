"""A change window says in local hours when rollouts may start; the clocks of its zone, not ours, say when that is."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from domain.errors import Fault, Invalid

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SATURDAY = DAYS.index("sat")
MOST_SPANS = 8
MOST_HOLIDAYS = 500
HORIZON = timedelta(days=400)
"""How far ahead an opening is looked for: a window that does not open in a year does not open."""

_DAY = 24 * 60


class Calendar(StrEnum):
    """`business` is closed on Saturdays and Sundays, whatever the hours say."""

    EVERY_DAY = "every-day"
    BUSINESS = "business"


@dataclass(frozen=True)
class Span:
    """From a minute of the day, with it, to another, without it; 1440 is midnight at its end."""

    opens: int
    closes: int


@dataclass(frozen=True)
class Window:
    """`hours` has the spans of each weekday, Monday first; on a holiday there are none."""

    time_zone: str
    hours: tuple[tuple[Span, ...], ...]
    holidays: frozenset[date] = frozenset()
    calendar: Calendar = Calendar.EVERY_DAY

    @property
    def every_day(self) -> bool:
        return self.calendar is Calendar.EVERY_DAY

    def to_json(self) -> dict[str, Any]:
        spans = {
            day: [[_told(span.opens), _told(span.closes)] for span in hours]
            for day, hours in zip(DAYS, self.hours, strict=True)
            if hours
        }
        return {
            "time_zone": self.time_zone,
            "hours": spans,
            "holidays": sorted(each.isoformat() for each in self.holidays),
            "calendar": self.calendar.value,
        }

    def next_opening(self, at: datetime) -> datetime | None:
        """`at` itself while it is open; None when it does not open again."""
        return next((max(opens, at) for opens, closes in self._openings(at) if closes > at), None)

    def _openings(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        """In order, from the day before on: where the clocks stand there, this may still be that day."""
        zone = ZoneInfo(self.time_zone)
        day = at.astimezone(zone).date() - timedelta(days=1)
        for ahead in range(HORIZON.days + 2):
            today = day + timedelta(days=ahead)
            for span in self._spans(today):
                # An hour that comes twice belongs to the span both times; one that never comes leaves it shorter.
                opens, closes = _moment(today, span.opens, zone, fold=0), _moment(today, span.closes, zone, fold=1)
                if opens < closes:
                    yield opens, closes

    def _spans(self, day: date) -> tuple[Span, ...]:
        weekend = day.weekday() >= SATURDAY
        if day in self.holidays or (weekend and self.calendar is Calendar.BUSINESS):
            return ()
        return self.hours[day.weekday()]


def parse_window(raw: Any) -> Window:
    """A window from JSON; Invalid names every fault."""
    if not isinstance(raw, dict):
        raise Invalid([Fault("", "a window is an object")])
    known = {"time_zone", "hours", "holidays", "calendar"}
    faults = [Fault(f"/{name}", "unknown field") for name in sorted(set(raw) - known)]
    zone = _zone(raw.get("time_zone"), faults)
    hours = _hours(raw.get("hours"), faults)
    holidays = _holidays(raw.get("holidays", []), faults)
    calendar = raw.get("calendar", Calendar.EVERY_DAY.value)
    if calendar not in list(Calendar):
        faults.append(Fault("/calendar", "one of " + ", ".join(Calendar)))
    if faults:
        raise Invalid(faults)
    return Window(zone, hours, holidays, Calendar(calendar))


def _zone(raw: Any, faults: list[Fault]) -> str:
    try:
        return ZoneInfo(raw).key
    except (TypeError, ValueError, OSError, KeyError, AttributeError):  # what it raises for what is no name
        faults.append(Fault("/time_zone", "a name of the IANA time zone database, as Europe/Berlin"))
        return ""


def _hours(raw: Any, faults: list[Fault]) -> tuple[tuple[Span, ...], ...]:
    if not isinstance(raw, dict) or not raw:
        faults.append(Fault("/hours", "for each weekday, mon to sun, a list of [from, to]"))
        return ()
    faults.extend(Fault(f"/hours/{name}", "one of " + ", ".join(DAYS)) for name in sorted(set(raw) - set(DAYS)))
    return tuple(_day(raw.get(day, []), f"/hours/{day}", faults) for day in DAYS)


def _day(raw: Any, path: str, faults: list[Fault]) -> tuple[Span, ...]:
    if not isinstance(raw, list) or len(raw) > MOST_SPANS:
        faults.append(Fault(path, f"a list of at most {MOST_SPANS} pairs [from, to]"))
        return ()
    spans: list[Span] = []
    for index, pair in enumerate(raw):
        opens, closes = (_minute(each) for each in pair) if isinstance(pair, list) and len(pair) == 2 else (None, None)  # noqa: PLR2004 -- a pair
        if opens is None or closes is None or opens >= closes:
            faults.append(
                Fault(f"{path}/{index}", 'as ["09:00", "17:30"], the first before the second, at most "24:00"')
            )
        elif spans and opens < spans[-1].closes:
            faults.append(Fault(f"{path}/{index}", "later than the one before it"))
        else:
            spans.append(Span(opens, closes))
    return tuple(spans)


def _minute(raw: Any) -> int | None:
    if raw == "24:00":
        return _DAY
    try:
        parsed = time.fromisoformat(raw)
    except (TypeError, ValueError):
        return None
    whole = parsed.second == 0 and parsed.microsecond == 0 and parsed.tzinfo is None
    return parsed.hour * 60 + parsed.minute if whole else None


def _holidays(raw: Any, faults: list[Fault]) -> frozenset[date]:
    if not isinstance(raw, list) or len(raw) > MOST_HOLIDAYS:
        faults.append(Fault("/holidays", f"a list of at most {MOST_HOLIDAYS} days, as 2026-12-25"))
        return frozenset()
    found = set()
    for index, each in enumerate(raw):
        try:
            found.add(date.fromisoformat(each))
        except (TypeError, ValueError):
            faults.append(Fault(f"/holidays/{index}", "a day, as 2026-12-25"))
    return frozenset(found)


def _moment(day: date, minute: int, zone: ZoneInfo, *, fold: int) -> datetime:
    ahead, minute = divmod(minute, _DAY)
    local = datetime.combine(day + timedelta(days=ahead), time(minute // 60, minute % 60, fold=fold), zone)
    return local.astimezone(UTC)


def _told(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
