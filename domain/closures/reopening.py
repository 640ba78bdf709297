"""A closed period is reopened for a reason, for a while, and for so many entries; then it shuts by itself."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from domain.canonical import Json
from domain.closures.later import LaterPolicy
from domain.errors import Fault, Invalid
from domain.periods import CODE
from domain.reading import Reading

LEAST_JUSTIFICATION = 20
LONGEST_WINDOW = timedelta(days=90)
_MOST_JUSTIFICATION = 4000
_MOST_SCOPES = 50
MOST_ENTRIES = 100_000
_FIELDS = {"scopes", "reason", "justification", "reopen_until", "most_entries", "later", "confirm_cascade"}


class ReopenReason(StrEnum):
    CORRECTION = "correction"
    LATE_INVOICE = "late-invoice"
    RECLASSIFICATION = "reclassification"
    AUDIT_ADJUSTMENT = "audit-adjustment"
    TAX = "tax"
    REGULATORY = "regulatory"


@dataclass(frozen=True)
class ReopenWish:
    """No scopes means all that are closed; the window is open until just before `ends`."""

    reason: ReopenReason
    justification: str
    ends: datetime
    scopes: tuple[str, ...] = ()
    most_entries: int | None = None
    later: LaterPolicy = LaterPolicy.ISOLATE
    confirmed: bool = False

    def to_json(self) -> Json:
        return {
            "reason": self.reason.value,
            "justification": self.justification,
            "reopen_until": self.ends.isoformat(),
            "scopes": list(self.scopes),
            "most_entries": self.most_entries,
            "later": self.later.value,
            "confirm_cascade": self.confirmed,
        }

    @staticmethod
    def of_json(raw: Json) -> "ReopenWish":
        """Back from what `to_json` gave."""
        return ReopenWish(
            ReopenReason(raw["reason"]), raw["justification"], datetime.fromisoformat(raw["reopen_until"]),
            tuple(raw["scopes"]), raw["most_entries"], LaterPolicy(raw["later"]), raw["confirm_cascade"],
        )  # fmt: skip


def parse_wish(raw: Any, now: datetime, longest: timedelta = LONGEST_WINDOW) -> ReopenWish:
    """Invalid with every fault, each at its JSON Pointer."""
    if not isinstance(raw, dict):
        raise Invalid([Fault("", "an object")])
    reading = Reading(raw, "", [])
    reading.known(_FIELDS)
    reason = reading.choice("reason", ReopenReason.CORRECTION, ReopenReason, required=True)
    justification = _justification(reading)
    ends = _ends(reading, now, longest)
    scopes = reading.texts("scopes", (), _MOST_SCOPES)
    for index, each in enumerate(scopes):
        if not CODE.fullmatch(each):
            reading.faults.append(Fault(f"/scopes/{index}", "the code of a scope"))
    most = None if raw.get("most_entries") is None else _most(reading)
    later = reading.choice("later", LaterPolicy.ISOLATE, LaterPolicy)
    confirmed = reading.flag("confirm_cascade")
    if reading.faults:
        raise Invalid(reading.faults)
    return ReopenWish(reason, justification, ends, scopes, most, later, confirmed)


def _justification(reading: Reading) -> str:
    value = reading.raw.get("justification")
    text = value.strip() if isinstance(value, str) else ""
    if not LEAST_JUSTIFICATION <= len(text) <= _MOST_JUSTIFICATION:
        reading.fault("justification", f"why, in {LEAST_JUSTIFICATION} to {_MOST_JUSTIFICATION} characters")
    return text


def _ends(reading: Reading, now: datetime, longest: timedelta) -> datetime:
    value = reading.raw.get("reopen_until")
    try:
        ends = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        ends = None
    if ends is None or ends.tzinfo is None:
        reading.fault("reopen_until", "an instant with its offset: no period is reopened without an end")
        return now
    if not now < ends <= now + longest:
        reading.fault("reopen_until", f"an instant from now on, and at most {longest.days} days away")
    return ends.astimezone(UTC)


def _most(reading: Reading) -> int:
    value = reading.raw.get("most_entries")
    if type(value) is int and 1 <= value <= MOST_ENTRIES:
        return value
    reading.fault("most_entries", f"a whole number from 1 to {MOST_ENTRIES}")
    return 1
