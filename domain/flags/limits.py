"""A definition is JSON that every client can hold exactly, and small enough to be evaluated without harm."""

import math
from typing import Any

from domain.errors import Fault
from domain.json_value import Json

DEEPEST = 32
"""Levels of operators in a rule, or of arrays and objects in a value."""
DEEPEST_PUBLISHED = 96
"""Levels of operators in a published rule, into which those of other flags are written."""
MOST_NODES = 5_000
"""Values and operators in a rule, with the shared rules that it refers to."""
LONGEST_STRING = 10_000
LARGEST_NUMBER = 2**53 - 1
"""JSON numbers beyond it are not exact in JavaScript (RFC 8259, section 6)."""

Faults = list[Fault]


def pointer(path: str, step: object) -> str:
    """The JSON Pointer (RFC 6901) of a member of what `path` points to."""
    return f"{path}/{str(step).replace('~', '~0').replace('/', '~1')}"


def check_json(value: Json, path: str, faults: Faults, depth: int = 0) -> None:
    """Check a value and all inside it."""
    if not isinstance(value, list | dict):
        check_scalar(value, path, faults)
    elif depth == DEEPEST:
        faults.append(Fault(path, f"nested deeper than {DEEPEST} levels"))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            check_json(item, pointer(path, place), faults, depth + 1)
    else:
        for name, item in value.items():
            inner = pointer(path, name)
            if isinstance(name, str):
                check_scalar(name, inner, faults)
            else:
                faults.append(Fault(inner, "expected a name that is a string"))
            check_json(item, inner, faults, depth + 1)


def check_scalar(value: Any, path: str, faults: Faults) -> None:
    message = _string_fault(value) if isinstance(value, str) else _other_fault(value)
    if message is not None:
        faults.append(Fault(path, message))


def _string_fault(text: str) -> str | None:
    if len(text) > LONGEST_STRING:
        return f"expected at most {LONGEST_STRING} characters"
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        return "expected Unicode text without lone surrogates"
    return None


def _other_fault(value: Any) -> str | None:
    if value is None or isinstance(value, bool):
        return None
    if not isinstance(value, int | float):
        return "expected a JSON value"
    if abs(value) <= LARGEST_NUMBER:
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return "expected a finite number"
    return f"expected a number of at most {LARGEST_NUMBER} in size"
