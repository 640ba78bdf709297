"""How a narrower value meets a broader one is said once, in the definition of the key."""

from enum import StrEnum
from typing import Any

from domain.canonical import Json, canonical_bytes
from domain.errors import Invalid
from domain.settings.values import Unset, seconds_of

_NUMBERS = (int, float)


class Merge(StrEnum):
    """`AND`, `OR`, `MIN` and `MAX` choose one of two values; what cannot be merged is replaced."""

    REPLACE = "replace"
    DEEP_MERGE = "deep_merge"
    SET_UNION = "set_union"
    APPEND = "append"
    MIN = "min"
    MAX = "max"
    AND = "and"
    OR = "or"


_CHOOSING = (Merge.MIN, Merge.MAX, Merge.AND, Merge.OR)


def merge(strategy: Merge, broad: Json | Unset, narrow: Json) -> Json:
    """What both say together, in a new value where it is neither; `broad` is UNSET where nothing broader was said.

    Null is a value: it cannot be merged, so it replaces and is replaced. In a deep merge arrays replace each other.
    """
    if strategy is Merge.REPLACE:
        return narrow
    if strategy is Merge.DEEP_MERGE:
        return _deep(broad, narrow)
    if strategy is Merge.APPEND or strategy is Merge.SET_UNION:
        if not isinstance(narrow, list):
            return narrow
        items = [*broad, *narrow] if isinstance(broad, list) else narrow
        return items if strategy is Merge.APPEND else distinct(items)
    return narrow if counts(strategy, broad, narrow) else broad


def counts(strategy: Merge, broad: Json | Unset, narrow: Json) -> bool:
    """Whether the narrower value is the result or part of it; of two that are equal in size the broader one stays."""
    if strategy not in _CHOOSING:
        return True
    if strategy is Merge.MIN or strategy is Merge.MAX:
        order = compared(narrow, broad)
        return order is None or order == (-1 if strategy is Merge.MIN else 1)
    if type(broad) is not bool or type(narrow) is not bool:
        return True
    return broad is not narrow and narrow is (strategy is Merge.OR)


def compared(one: Json | Unset, other: Json | Unset) -> int | None:
    """-1, 0 or 1 as `one` is smaller, as large, or larger; None unless both are numbers or both are durations."""
    if type(one) is str and type(other) is str:
        try:
            return _order(seconds_of(one), seconds_of(other))
        except Invalid:
            return None
    return _order(one, other) if type(one) in _NUMBERS and type(other) in _NUMBERS else None


def distinct(items: list[Json]) -> list[Json]:
    """Each item where it came first; 1 and 1.0 are the same, 1 and true are not."""
    first: dict[bytes, Json] = {}
    for item in items:
        first.setdefault(canonical_bytes(item), item)
    return list(first.values())


def _order(one: Any, other: Any) -> int:
    return int(one > other) - int(one < other)


def _deep(broad: Json | Unset, narrow: Json) -> Json:
    if not isinstance(broad, dict) or not isinstance(narrow, dict):
        return narrow
    return broad | {name: _deep(broad[name], value) if name in broad else value for name, value in narrow.items()}
