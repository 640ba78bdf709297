"""A document is changed by a JSON Patch (RFC 6902): by all of its operations in their order, or not at all."""

import re
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any, Final

from domain.canonical import Json
from domain.errors import Fault, Invalid
from domain.pointers import escaped

MOST: Final = 100
"""Operations in one patch."""
LARGEST: Final = 100_000
"""Values in what a copy makes: each may double the document."""
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}")
_ESCAPES: Final = re.compile(r"~(?![01])")
_END: Final = "-"
_NOTHING: Final = object()


class _Wrong(Exception):
    """At this member of the operation."""

    def __init__(self, member: str, message: str) -> None:
        super().__init__(message)
        self.member = member


def patched(document: Json, patch: Json, path: str = "/patch") -> Json:
    """A document of its own; Invalid points at the operation below `path` that cannot be applied."""
    if not isinstance(patch, list) or not 1 <= len(patch) <= MOST:
        raise Invalid([Fault(path, f"a list of 1 to {MOST} operations")])
    holder = {"": deepcopy(document)}  # so that the whole document is a member like any other
    for place, operation in enumerate(patch):
        try:
            _apply(holder, operation)
        except _Wrong as wrong:
            raise Invalid([Fault(f"{path}/{place}{wrong.member}", str(wrong))]) from None
    return holder[""]


def difference(before: Json, after: Json, path: str = "") -> list[Json]:
    """A patch that makes `after` of `before`."""
    if same(before, after):
        return []
    if isinstance(before, dict) and isinstance(after, dict):
        return _members(before, after, path)
    if isinstance(before, list) and isinstance(after, list):
        return _items(before, after, path)
    return [{"op": "replace", "path": path, "value": after}]


def same(one: Json, other: Json) -> bool:
    """As JSON sees it: 1 is 1.0 and not true, and the order of members says nothing."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(each, other[name]) for name, each in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


def at(document: Json, pointer: str) -> Json:
    """What stands there, or a value that is the same as nothing in JSON."""
    try:
        return _found({"": document}, _tokens(pointer, ""), "")
    except _Wrong:
        return _NOTHING


def locked_faults(before: Json, after: Json, locked: Iterable[str], path: str) -> list[Fault]:
    """Of what stands, or does not stand, at these pointers nothing may be different."""
    moved = [each for each in locked if not same(at(before, each), at(after, each))]
    return [Fault(path + each, "may not be changed in commands of this type") for each in moved]


def _apply(holder: dict[str, Json], operation: Json) -> None:
    if not isinstance(operation, dict):
        raise _Wrong("", "an object with op and path")
    name = operation.get("op")
    apply = _OPERATIONS.get(name) if isinstance(name, str) else None
    if apply is None:
        raise _Wrong("/op", "one of " + ", ".join(_OPERATIONS))
    apply(holder, operation, _tokens(operation.get("path"), "/path"))


def _add(holder: Json, operation: Any, tokens: list[str]) -> None:
    _put(holder, tokens, deepcopy(_value(operation)))


def _remove(holder: Json, operation: Any, tokens: list[str]) -> None:
    del operation
    _take(holder, tokens, "/path")


def _replace(holder: Json, operation: Any, tokens: list[str]) -> None:
    value = deepcopy(_value(operation))
    parent = _found(holder, tokens[:-1], "/path")
    parent[_place(parent, tokens[-1], "/path")] = value


def _move(holder: Json, operation: Any, tokens: list[str]) -> None:
    source = _tokens(operation.get("from"), "/from")
    if source == tokens[: len(source)] and source != tokens:
        raise _Wrong("/path", "not below what is moved")
    value = _found(holder, source, "/from")
    if source != tokens:
        _take(holder, source, "/from")
        _put(holder, tokens, value)


def _copy(holder: Json, operation: Any, tokens: list[str]) -> None:
    _put(holder, tokens, deepcopy(_found(holder, _tokens(operation.get("from"), "/from"), "/from")))
    if _values(holder) > LARGEST:
        raise _Wrong("", f"at most {LARGEST} values in all")


def _test(holder: Json, operation: Any, tokens: list[str]) -> None:
    if not same(_found(holder, tokens, "/path"), _value(operation)):
        raise _Wrong("/value", "something else stands there")


_OPERATIONS: Final[dict[str, Callable[[Json, Any, list[str]], None]]] = {
    "add": _add, "remove": _remove, "replace": _replace, "move": _move, "copy": _copy, "test": _test,
}  # fmt: skip


def _value(operation: dict[str, Json]) -> Json:
    if "value" not in operation:
        raise _Wrong("", "an operation of this kind has a value")
    return operation["value"]


def _put(holder: Json, tokens: list[str], value: Json) -> None:
    parent, last = _found(holder, tokens[:-1], "/path"), tokens[-1]
    if isinstance(parent, dict):
        parent[last] = value
    elif isinstance(parent, list) and last == _END:
        parent.append(value)
    else:
        parent.insert(_place(parent, last, "/path", more=1), value)


def _take(holder: Json, tokens: list[str], member: str) -> None:
    if len(tokens) == 1:
        raise _Wrong(member, "not the whole document")
    parent = _found(holder, tokens[:-1], member)
    del parent[_place(parent, tokens[-1], member)]


def _values(there: Json) -> int:
    inner = there.values() if isinstance(there, dict) else there if isinstance(there, list) else ()
    return 1 + sum(map(_values, inner))


def _found(holder: Json, tokens: list[str], member: str) -> Json:
    there = holder
    for token in tokens:
        there = there[_place(there, token, member)]
    return there


def _place(parent: Json, token: str, member: str, *, more: int = 0) -> Any:
    """The key or the index that this token is, of what is there; `more`: an item may be put behind the last."""
    if isinstance(parent, dict) and token in parent:
        return token
    if isinstance(parent, list) and _INDEX.fullmatch(token) and int(token) < len(parent) + more:
        return int(token)
    raise _Wrong(member, "a place that is there")


def _tokens(pointer: Json, member: str) -> list[str]:
    if not isinstance(pointer, str) or (pointer and not pointer.startswith("/")) or _ESCAPES.search(pointer):
        raise _Wrong(member, "a JSON Pointer")
    return [each.replace("~1", "/").replace("~0", "~") for each in pointer.split("/")]


def _members(before: dict[str, Json], after: dict[str, Json], path: str) -> list[Json]:
    gone = [{"op": "remove", "path": f"{path}/{escaped(name)}"} for name in before if name not in after]
    kept = [name for name in before if name in after]
    changed = [each for name in kept for each in difference(before[name], after[name], f"{path}/{escaped(name)}")]
    new = [
        {"op": "add", "path": f"{path}/{escaped(name)}", "value": value}
        for name, value in after.items() if name not in before
    ]  # fmt: skip
    return [*gone, *changed, *new]


def _items(before: list[Json], after: list[Json], path: str) -> list[Json]:
    """From the end, so that no index moves."""
    both = min(len(before), len(after))
    changed = [each for place in range(both) for each in difference(before[place], after[place], f"{path}/{place}")]
    gone = [{"op": "remove", "path": f"{path}/{place}"} for place in reversed(range(both, len(before)))]
    return [*changed, *gone, *({"op": "add", "path": f"{path}/{_END}", "value": value} for value in after[both:])]
