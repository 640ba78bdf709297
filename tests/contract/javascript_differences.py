"""Where flagd's evaluator for JavaScript may find something else, as docs/explanation/flag-evaluators.md lists it."""

import re
from collections.abc import Iterable
from typing import Any

from domain.flags.values import look_up, truthy
from tests.contract.flag_differences import Applies, number
from tests.contract.javascript_operators import (
    CONTAINER,
    LOGIC,
    OWN,
    TESTS,
    all_of_nothing,
    argument_count,
    bare_list,
    characters,
    divided_by_zero,
    extremes,
    haystack,
    identical,
    items,
    joined,
    not_a_number,
    null_and_text,
    null_and_zero,
    null_in_text,
    part,
    remainder,
    second_operand,
    written,
    written_alike,
)
from tests.contract.visiting import Visit

_PLAIN_VERSION = re.compile(r"[vV]?(0|[1-9]\d*)(\.(0|[1-9]\d*)){0,2}|[vV]?(\d+\.){2}\d+[-+][0-9A-Za-z.+-]+", re.ASCII)


def _versions(visit: Visit) -> bool:
    if visit.name != "sem_ver" or len(visit.values) != 3:
        return False
    return any(_odd_version(value) for value in (visit.values[0], visit.values[2])) or isinstance(visit.values[1], list)


def _odd_version(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip(" vV=")[:1].isdigit() and _PLAIN_VERSION.fullmatch(value) is None
    return isinstance(value, list) or (isinstance(value, float) and not written_alike(value))


def _inside(visit: Visit) -> bool:
    return visit.inside and visit.name in OWN


def _subject(visit: Visit) -> Any:
    """What a split goes by; None when by nothing, or by the targeting key."""
    first = visit.values[0] if visit.values else None
    return None if isinstance(first, list) else first


def _hashed(visit: Visit) -> bool:
    if visit.name != "fractional" or visit.inside:
        return False
    key = visit.scope.get("targetingKey") if isinstance(visit.values[0], list) else _subject(visit)
    return isinstance(key, str) and not key.isascii()


def _key_that_is_no_text(visit: Visit) -> bool:
    if visit.name != "fractional" or visit.inside or not isinstance(visit.values[0], list):
        return False
    key = visit.scope.get("targetingKey")
    return not isinstance(key, str) and truthy(key)


def _arms(visit: Visit) -> list[list[Any]]:
    return [each for each in visit.values if isinstance(each, list)] if visit.name == "fractional" else []


def _weight(visit: Visit) -> bool:
    return any(len(arm) == 2 and isinstance(arm[1], float) and arm[1].is_integer() for arm in _arms(visit))


def _variant(visit: Visit) -> bool:
    return any(arm and isinstance(arm[0], CONTAINER) for arm in _arms(visit))


def _missing(visit: Visit) -> bool:
    if visit.name not in {"missing", "missing_some"}:
        return False
    names = visit.values if visit.name == "missing" else [*visit.values, None, None][1]
    names = names[0] if names and isinstance(names[0], list) else names
    if not isinstance(names, list):
        return visit.name == "missing_some"
    return any(not isinstance(name, str) or _is_there_empty(visit.scope, name) for name in names)


def _is_there_empty(scope: Any, name: str) -> bool:
    *path, last = name.split(".")
    holder = look_up(scope, ".".join(path)) if path else scope
    if isinstance(holder, list):
        return last.isdigit() and int(last) < len(holder) and holder[int(last)] in (None, "")
    return holder == "" or (isinstance(holder, dict) and last in holder and holder[last] in (None, ""))


def _needed(visit: Visit) -> bool:
    return visit.name == "missing_some" and any(isinstance(each, CONTAINER) for each in _flat(visit.arguments))


def _flat(arguments: Any) -> list[Any]:
    return [
        *arguments[:1],
        *(arguments[1] if len(arguments) > 1 and isinstance(arguments[1], list) else arguments[1:2]),
    ]


def _name(visit: Visit) -> bool:
    """A path that JavaScript reads as something of its own, or a name that is no text."""
    if visit.name != "var" or not visit.values:
        return False
    name = visit.values[0]
    if not isinstance(name, str):
        return name is not None and (
            not number(name) or not name or len(visit.arguments) > 1 or isinstance(name, float)
        )
    return any(odd in name for odd in ("__proto__", "constructor", "\\", "../")) or _leads_through_false(
        visit.scope, name
    )


def _leads_through_false(scope: Any, name: str) -> bool:
    *path, _ = name.split(".")
    ways = (".".join(path[: count + 1]) for count in range(len(path)))
    return any(value is not None and not truthy(value) for value in (look_up(scope, way) for way in ways if way))


def _default_of_null(visit: Visit) -> bool:
    if visit.name != "var" or len(visit.arguments) < 2 or not isinstance(visit.arguments[0], dict):
        return False
    return look_up(visit.scope, visit.values[0]) is None


def _empty_object(visit: Visit) -> bool:
    tested: Iterable[Any] = ()
    if visit.name in LOGIC | {"!", "!!"}:
        tested = visit.values
    elif visit.name in TESTS:
        tested = visit.steps
    return any(value == {} and isinstance(value, dict) for value in tested)


def _accumulated(visit: Visit) -> bool:
    if visit.name != "reduce":
        return False
    initial = visit.arguments[2] if len(visit.arguments) > 2 else None
    return any(_nested(value) for value in (initial, *visit.steps)) or isinstance(initial, dict)


def _nested(value: Any) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(isinstance(each, CONTAINER) for each in inner)


def _large(visit: Visit) -> bool:
    return number(visit.result) and abs(visit.result) > 2**53


def _called(visit: Visit) -> bool:
    """The outcome of the whole rule, which is the name of a variant."""
    if visit.name != "":
        return False
    result = visit.result
    return isinstance(result, list) or (
        isinstance(result, float) and (result.is_integer() or not written_alike(result))
    )


JAVASCRIPT: dict[str, Applies] = {
    "not-a-number": not_a_number,
    "zero": divided_by_zero,
    "remainder": remainder,
    "extremes": extremes,
    "second-operand": second_operand,
    "large": _large,
    "arguments": argument_count,
    "one-array": bare_list,
    "null-text": null_and_text,
    "null-zero": null_and_zero,
    "identity": identical,
    "haystack": haystack,
    "items": items,
    "all-of-nothing": all_of_nothing,
    "accumulator": _accumulated,
    "text-of": written,
    "text-of-null": null_in_text,
    "joined": joined,
    "substr": part,
    "characters": characters,
    "versions": _versions,
    "own-inside": _inside,
    "hash": _hashed,
    "key": _key_that_is_no_text,
    "weight": _weight,
    "arm": _variant,
    "missing": _missing,
    "needed": _needed,
    "names": _name,
    "default": _default_of_null,
    "empty-object": _empty_object,
    "called": _called,
}
