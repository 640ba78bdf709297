"""A value is of its setting's type exactly as it is written: nothing is converted, and "false" is a text."""

import json
import re
from collections.abc import Iterable
from enum import Enum, StrEnum
from types import NoneType
from typing import Any, Final

from domain.canonical import Json
from domain.errors import Fault, Invalid
from domain.flags.limits import DEEPEST, Faults, check_scalar, pointer

MOST_NODES = 10_000
"""Values inside one value, itself included."""
MOST_TEXT_BYTES = 64 * 1024
MOST_BYTES = 256 * 1024
"""Of one value, as JSON."""
LONGEST_DAYS = 36_500
"""A century: whatever is added to or taken from a date of this age is still a date."""

_DAY = 86_400
_DURATION = re.compile(
    r"P(?=.)(?:([0-9]{1,9})W)?(?:([0-9]{1,9})D)?"
    r"(?:T(?=.)(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9}(?:\.[0-9]{1,6})?)S)?)?"
)
_SECONDS = (7 * _DAY, _DAY, 3_600, 60, 1)


class Unset(Enum):
    """The type of `UNSET`, so that no value at all is never mistaken for the value null."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET


class SettingType(StrEnum):
    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    JSON = "json"
    SECRET = "secret"  # noqa: S105  the name of a type
    DURATION = "duration"
    LIST = "list"
    ENUM = "enum"


_TEXT = ((str,), "expected text")
_ACCEPTED: dict[SettingType, tuple[tuple[type, ...], str]] = {
    SettingType.STRING: _TEXT,
    SettingType.INTEGER: ((int,), "expected an integer, written without a fraction"),
    SettingType.NUMBER: ((int, float), "expected a number"),
    SettingType.BOOLEAN: ((bool,), "expected true or false"),
    SettingType.JSON: ((NoneType, bool, int, float, str, list, dict), "expected a JSON value"),
    SettingType.SECRET: _TEXT,
    SettingType.DURATION: _TEXT,
    SettingType.LIST: ((list,), "expected an array"),
    SettingType.ENUM: _TEXT,
}


def type_faults(kind: SettingType, value: Json, path: str = "") -> Faults:
    """What keeps `value` from being of this type, each at its JSON Pointer; null is of no type but json."""
    types, expected = _ACCEPTED[kind]
    if type(value) not in types:
        return [Fault(path, expected)]
    faults = json_faults(value, path)
    if faults:
        return faults
    if kind is SettingType.SECRET and not value:
        return [Fault(path, f"expected text of 1 to {MOST_TEXT_BYTES} bytes")]
    if kind is SettingType.DURATION:
        message = _duration_fault(value)
        return [] if message is None else [Fault(path, message)]
    return []


def json_faults(value: Json, path: str = "") -> Faults:
    """What keeps `value` from being JSON that every client can hold exactly, and that is small enough to be kept."""
    faults: Faults = []
    waiting: list[tuple[Any, str, int]] = [(value, path, 0)]
    seen = 0
    while waiting:
        here, where, depth = waiting.pop()
        seen += 1
        if seen > MOST_NODES:
            return [Fault(path, f"expected at most {MOST_NODES} values")]
        if isinstance(here, str):
            faults += _text_faults(here, where)
        elif not isinstance(here, list | dict):
            check_scalar(here, where, faults)
        elif depth == DEEPEST:
            faults.append(Fault(where, f"nested deeper than {DEEPEST} levels"))
        else:
            members = list(_members(here, where, faults))
            waiting += ((inner, place, depth + 1) for place, inner in reversed(members))
    if not faults and len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()) > MOST_BYTES:
        return [Fault(path, f"expected at most {MOST_BYTES} bytes of JSON")]
    return faults


def seconds_of(duration: str) -> float:
    """How long a duration is; `Invalid` when the text is none."""
    message = _duration_fault(duration)
    if message is not None:
        raise Invalid([Fault("", message)])
    return _measured(duration)


def _measured(duration: str) -> float:
    found = _DURATION.fullmatch(duration)
    amounts = found.groups(default="0") if found else ()
    return sum(float(amount) * seconds for amount, seconds in zip(amounts, _SECONDS, strict=True))


def _duration_fault(text: str) -> str | None:
    if _DURATION.fullmatch(text) is None:
        return "expected an ISO 8601 duration of weeks, days, hours, minutes and seconds, such as P1D or PT5M"
    return None if _measured(text) <= LONGEST_DAYS * _DAY else f"expected a duration of at most {LONGEST_DAYS} days"


def _members(container: Any, path: str, faults: Faults) -> Iterable[tuple[str, Any]]:
    if isinstance(container, list):
        return ((pointer(path, place), item) for place, item in enumerate(container))
    for name in container:
        if isinstance(name, str):
            faults += _text_faults(name, path)
        else:
            faults.append(Fault(path, "expected names that are text"))
    return ((pointer(path, name), item) for name, item in container.items())


def _text_faults(text: str, path: str) -> Faults:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return [Fault(path, "expected Unicode text without lone surrogates")]
    return [] if size <= MOST_TEXT_BYTES else [Fault(path, f"expected text of at most {MOST_TEXT_BYTES} bytes")]
