"""What differs between two contents, by JSON Pointer, and what two sides changed against a common base."""

from typing import Any

from domain.canonical import Json
from domain.pointers import escaped

_ABSENT: Any = object()


def difference(before: Json | None, after: Json) -> list[dict[str, Json]]:
    """Lines in pointer order: `op` is added, removed or changed; `before` and `after` as they apply.

    Objects are compared member by member; everything else, lists included, as a whole.
    """
    return [_line(path, old, new) for path, old, new in _walk("", _ABSENT if before is None else before, after)]


def merged(base: Json, ours: Json, theirs: Json) -> tuple[Json, list[str]]:
    """Both sides' changes on top of `base`, and the pointers that both changed differently."""
    conflicts: list[str] = []
    return _merge("", base, ours, theirs, conflicts), conflicts


def three_ways(base: Json, theirs: Json, ours: Json) -> list[dict[str, Json]]:
    """Lines in pointer order where not all three are equal; a side that has nothing there is left out."""
    sides = {"base": base, "theirs": theirs, "ours": ours}
    return [{"path": path, **found} for path, found in _three("", sides)]


def _three(path: str, sides: dict[str, Json]) -> list[tuple[str, dict[str, Json]]]:
    base, theirs, ours = sides.values()
    if _equal(base, theirs) and _equal(base, ours):
        return []
    if not all(isinstance(side, dict) for side in sides.values()):
        return [(path, {name: side for name, side in sides.items() if side is not _ABSENT})]
    names = sorted(base.keys() | theirs.keys() | ours.keys())
    inner = ({side: held.get(name, _ABSENT) for side, held in sides.items()} for name in names)
    return [line for name, each in zip(names, inner, strict=True) for line in _three(f"{path}/{escaped(name)}", each)]


def _walk(path: str, old: Json, new: Json) -> list[tuple[str, Json, Json]]:
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            line
            for name in sorted(old.keys() | new.keys())
            for line in _walk(f"{path}/{escaped(name)}", old.get(name, _ABSENT), new.get(name, _ABSENT))
        ]
    same = old is new or (old is not _ABSENT and new is not _ABSENT and _equal(old, new))
    return [] if same else [(path, old, new)]


def _line(path: str, old: Json, new: Json) -> dict[str, Json]:
    if old is _ABSENT:
        return {"op": "added", "path": path, "after": new}
    if new is _ABSENT:
        return {"op": "removed", "path": path, "before": old}
    return {"op": "changed", "path": path, "before": old, "after": new}


def _merge(path: str, base: Json, ours: Json, theirs: Json, conflicts: list[str]) -> Json:
    if _equal(ours, theirs) or _equal(theirs, base):
        return ours
    if _equal(ours, base):
        return theirs
    if not all(isinstance(side, dict) for side in (base, ours, theirs)):
        conflicts.append(path)
        return ours
    names = sorted(ours.keys() | theirs.keys() | base.keys())
    sides = {
        name: _merge(
            f"{path}/{escaped(name)}",
            base.get(name, _ABSENT), ours.get(name, _ABSENT), theirs.get(name, _ABSENT), conflicts,
        )
        for name in names
    }  # fmt: skip
    return {name: value for name, value in sides.items() if value is not _ABSENT}


def _equal(a: Json, b: Json) -> bool:
    """JSON equality, where true is not 1."""
    if a is _ABSENT or b is _ABSENT:
        return a is b
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_equal(a[name], b[name]) for name in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(_equal(x, y) for x, y in zip(a, b, strict=True))
    return isinstance(a, bool) is isinstance(b, bool) and bool(a == b)
