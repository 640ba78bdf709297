"""Each field of a definition is checked by itself, so that one answer names everything that is wrong."""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum

from domain.canonical import Json
from domain.environments import Environment
from domain.errors import Fault, Invalid
from domain.flags.limits import Faults, pointer
from domain.settings.merging import Merge
from domain.settings.schemas import schema_faults
from domain.settings.scopes import FALLBACK_KIND, KIND_PATTERN, MOST_STEPS
from domain.settings.values import SettingType, json_faults

KEY_PATTERN = re.compile(r"[a-zA-Z][a-zA-Z0-9_.]*")
LONGEST_KEY = 200
CALENDAR_PATTERN = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,99}")
MOST_CHOICES = 1_000
MOST_TAGS = 50
_ANY_TEXT = re.compile(r".{1,200}", re.DOTALL)

Check = Callable[[Json, str], Faults]


class Sensitivity(StrEnum):
    """Who may see a value: everybody, whoever is in the house, whoever needs it, or nobody once it is written."""

    PUBLIC = "public"
    INTERNAL = "internal"
    CONFIDENTIAL = "confidential"
    SECRET = "secret"  # noqa: S105  a degree, not a password


def check_setting_key(key: str) -> str:
    """The key itself; `Invalid` unless it is 1 to 200 letters, digits, `_` and `.` that begin with a letter."""
    faults = _key_faults(key, "/key")
    if faults:
        raise Invalid(faults)
    return key


def field_faults(raw: Mapping[str, Json]) -> Faults:
    """What is wrong with single fields: unknown ones, missing ones, and values that no definition can have."""
    faults = [
        Fault(pointer("", name), "unknown field; expected one of " + ", ".join(sorted(_CHECKS)))
        for name in raw.keys() - _CHECKS.keys()
    ]
    faults += [Fault(f"/{name}", "expected a value: the field is required") for name in {"key", "type"} - raw.keys()]
    for name in _CHECKS.keys() & raw.keys():
        faults += _CHECKS[name](raw[name], f"/{name}")
    return faults


def _key_faults(key: Json, path: str) -> Faults:
    if isinstance(key, str) and len(key) <= LONGEST_KEY and KEY_PATTERN.fullmatch(key):
        return []
    return [Fault(path, f"expected a key of at most {LONGEST_KEY} characters that matches ^{KEY_PATTERN.pattern}$")]


def _one_of(kinds: type[StrEnum]) -> Check:
    def faults(value: Json, path: str) -> Faults:
        known = isinstance(value, str) and value in set(kinds)
        return [] if known else [Fault(path, "expected one of " + ", ".join(kinds))]

    return faults


def _calendar(value: Json, path: str) -> Faults:
    known = isinstance(value, str) and CALENDAR_PATTERN.fullmatch(value)
    return [] if known else [Fault(path, f"expected the code of a fiscal calendar: ^{CALENDAR_PATTERN.pattern}$")]


def _texts(pattern: re.Pattern[str], least: int, most: int) -> Check:
    """Different texts that each match the pattern."""

    def faults(value: Json, path: str) -> Faults:
        if not isinstance(value, list) or not least <= len(value) <= most:
            return [Fault(path, f"expected an array of {least} to {most} texts")]
        found: Faults = []
        for place, text in enumerate(value):
            if not isinstance(text, str) or pattern.fullmatch(text) is None:
                found.append(Fault(pointer(path, place), f"expected text that matches ^{pattern.pattern}$"))
            elif text in value[:place]:
                found.append(Fault(pointer(path, place), "expected every text once"))
        return found or json_faults(value, path)

    return faults


def _scopes(value: Json, path: str) -> Faults:
    faults = _texts(KIND_PATTERN, 1, MOST_STEPS)(value, path)
    if faults or FALLBACK_KIND not in value:
        return faults
    place = pointer(path, value.index(FALLBACK_KIND))
    return [Fault(place, f"expected another kind: {FALLBACK_KIND} is for what falls back")]


def _fallback(value: Json, path: str) -> Faults:
    return [] if value == Environment.STAGING.value else [Fault(path, f"expected {Environment.STAGING.value}")]


def _text(longest: int) -> Check:
    def faults(value: Json, path: str) -> Faults:
        if not isinstance(value, str) or len(value) > longest:
            return [Fault(path, f"expected text of at most {longest} characters")]
        return json_faults(value, path)

    return faults


def _boolean(value: Json, path: str) -> Faults:
    return [] if isinstance(value, bool) else [Fault(path, "expected true or false")]


def _object(value: Json, path: str) -> Faults:
    return json_faults(value, path) if isinstance(value, dict) else [Fault(path, "expected an object")]


_CHECKS: dict[str, Check] = {
    "key": _key_faults,
    "type": _one_of(SettingType),
    "schema": schema_faults,
    "choices": _texts(_ANY_TEXT, 1, MOST_CHOICES),
    "scopes": _scopes,
    "fallback": _fallback,
    "merge": _one_of(Merge),
    "sensitivity": _one_of(Sensitivity),
    "financial": _boolean,
    "nullable": _boolean,
    "default": json_faults,
    "description": _text(2_000),
    "owner": _text(200),
    "ui": _object,
    "tags": _texts(_ANY_TEXT, 0, MOST_TAGS),
    "drives_calendar": _calendar,
}
