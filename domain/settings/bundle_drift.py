"""What was synced last, what the file says now and what is stored are compared: who has moved, and who against whom."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from domain.canonical import Json, canonical_bytes
from domain.flags import SHARED_RULES
from domain.settings.differences import WORDS, Contents

Thing = tuple[str, str, str]
"""What it is (`definition`, `value` or `flag`), its key, and the scope of a value."""


class Side(StrEnum):
    """Who changed it since the last sync; `CONFLICT`: both, and not to the same."""

    SERVER = "server"
    FILE = "file"
    CONFLICT = "conflict"


class Move(StrEnum):
    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True)
class Drift:
    """One thing that the file and the server do not agree on; a side that says nothing of it is None."""

    thing: Thing
    side: Side
    move: Move
    base: Json
    desired: Json
    stored: Json


def drifts(base: Contents, desired: Contents, stored: Contents) -> tuple[Drift, ...]:
    """In order of the things; what the file and the server agree on has not drifted, whoever moved.

    `move` is what the side did to the base, and in a conflict what the server did.
    """
    told = [dict(_things(each)) for each in (base, desired, stored)]
    flagged = desired.flags is not None
    names = sorted(set().union(*(each.keys() for each in told)))
    found = (_drift(name, *(each.get(name) for each in told)) for name in names if flagged or name[0] != "flag")
    return tuple(each for each in found if each is not None)


def _drift(thing: Thing, base: Json, desired: Json, stored: Json) -> Drift | None:
    was, wanted, there = map(canonical_bytes, (base, desired, stored))
    if wanted == there:
        return None
    if was == wanted:
        return Drift(thing, Side.SERVER, _move(base, stored), base, desired, stored)
    if was == there:
        return Drift(thing, Side.FILE, _move(base, desired), base, desired, stored)
    return Drift(thing, Side.CONFLICT, _move(base, stored), base, desired, stored)


def _move(before: Json, after: Json) -> Move:
    if before is None:
        return Move.ADDED
    return Move.REMOVED if after is None else Move.CHANGED


def _things(contents: Contents) -> Iterator[tuple[Thing, Json]]:
    for key, definition in contents.definitions.items():
        meant: Mapping[str, Json] = definition.to_json()
        yield ("definition", key, ""), {name: each for name, each in meant.items() if name not in WORDS}
    for (key, scope), lines in contents.timelines.items():
        yield ("value", key, scope), [line.to_json() for line in lines]
    for key, flag in (contents.flags or {}).items():
        if flag or key != SHARED_RULES:
            yield ("flag", key, ""), flag
