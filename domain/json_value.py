"""JSON values have a name, and no type that a checker could hold them to."""

from typing import Any

Json = Any
"""None, bool, int, float, str, or lists and string-keyed dicts of them."""


def same(one: Json, other: Json) -> bool:
    """As JSON: 1, 1.0 and true are three."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)
