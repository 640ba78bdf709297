"""What a bundle says is compared with what is stored, definition by definition and place by place."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from domain.canonical import Json, canonical_bytes
from domain.settings.bundle import Line, Place, in_order
from domain.settings.definition import Definition

WORDS = frozenset({"description", "owner", "ui", "tags"})
"""Fields of a definition that change nothing that holds."""

Timelines = Mapping[Place, tuple[Line, ...]]


class Op(StrEnum):
    """`KEPT` differs and stays, because nothing may be overwritten."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"
    KEPT = "kept"
    EQUAL = "equal"


@dataclass(frozen=True)
class Contents:
    """Definitions by key, and what each place says from now on, in order of time."""

    definitions: Mapping[str, Definition] = field(default_factory=dict)
    timelines: Timelines = field(default_factory=dict)


@dataclass(frozen=True)
class Difference:
    """What would have to be done so that the stored is as the bundle says."""

    definitions: Mapping[str, Op]
    places: Mapping[Place, Op]

    def having(self, *ops: Op) -> list[Place]:
        return [place for place, op in self.places.items() if op in ops]

    @property
    def missing(self) -> list[str]:
        return [key for key, op in self.definitions.items() if op is Op.ADDED]

    @property
    def clashing(self) -> list[str]:
        return [key for key, op in self.definitions.items() if op is Op.CHANGED]

    @property
    def is_empty(self) -> bool:
        return not (self.missing or self.clashing or self.having(Op.ADDED, Op.CHANGED, Op.REMOVED))


def timelines(lines: Iterable[Line], at: datetime) -> dict[Place, tuple[Line, ...]]:
    """What is left of the lines at `at`, by place."""
    found: dict[Place, list[Line]] = defaultdict(list)
    for line in in_order(lines):
        seen = line.seen_at(at)
        if seen is not None:
            found[line.place].append(seen)
    return {place: tuple(each) for place, each in found.items()}


def compared_contents(wanted: Contents, stored: Contents, *, prune: bool = False, overwrite: bool = True) -> Difference:
    """Places that only the stored has are removed under `prune`, and otherwise nobody's business."""
    definitions = {
        key: Op.ADDED if key not in stored.definitions
        else Op.EQUAL if _meaning(definition) == _meaning(stored.definitions[key])
        else Op.CHANGED
        for key, definition in sorted(wanted.definitions.items())
    }  # fmt: skip
    return Difference(definitions, dict(sorted(_places(wanted.timelines, stored.timelines, prune, overwrite))))


def _places(wanted: Timelines, stored: Timelines, prune: bool, overwrite: bool) -> Iterator[tuple[Place, Op]]:  # noqa: FBT001  # named by the only caller
    for place, lines in wanted.items():
        if place not in stored:
            yield place, Op.ADDED
        elif _said(lines) == _said(stored[place]):
            yield place, Op.EQUAL
        else:
            yield place, Op.CHANGED if overwrite else Op.KEPT
    if prune:
        for place in stored.keys() - wanted.keys():
            yield place, Op.REMOVED


def _said(lines: Iterable[Line]) -> bytes:
    """Bytes, because to Python true is 1."""
    return canonical_bytes([line.to_json() for line in lines])


def _meaning(definition: Definition) -> bytes:
    meant: dict[str, Json] = {name: value for name, value in definition.to_json().items() if name not in WORDS}
    return canonical_bytes(meant)
