"""What a bundle says is compared with what is stored: definition by definition, flag by flag and place by place."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from domain.bookkeeping import Bookkeeping
from domain.canonical import Json, canonical_bytes
from domain.flags import SHARED_RULES
from domain.settings.book_differences import BookThing, books_having, clashing_books, compared_books
from domain.settings.bundle import Line, Place, in_order
from domain.settings.definition import Definition
from domain.settings.ops import Op

WORDS = frozenset({"description", "owner", "ui", "tags"})
"""Fields of a definition that change nothing that holds."""

Timelines = Mapping[Place, tuple[Line, ...]]


@dataclass(frozen=True)
class Contents:
    """Definitions by key, what each place says from now on, in order of time, and flags by key.

    Flags and bookkeeping are None where nothing is said of them.
    """

    definitions: Mapping[str, Definition] = field(default_factory=dict)
    timelines: Timelines = field(default_factory=dict)
    flags: Mapping[str, Json] | None = None
    books: Bookkeeping | None = None


@dataclass(frozen=True)
class Difference:
    """What would have to be done so that the stored is as the bundle says; `clashing_books` can never be."""

    definitions: Mapping[str, Op]
    places: Mapping[Place, Op]
    flags: Mapping[str, Op] = field(default_factory=dict)
    books: Mapping[BookThing, Op] = field(default_factory=dict)
    clashing_books: Sequence[str] = ()

    def flags_having(self, *ops: Op) -> list[str]:
        return [key for key, op in self.flags.items() if op in ops]

    @property
    def equal(self) -> int:
        """How many values and flags, and how much of the bookkeeping, are as they should be."""
        return sum(
            len(each) for each in (self.having(Op.EQUAL), self.flags_having(Op.EQUAL), self.books_having(Op.EQUAL))
        )

    def books_having(self, *ops: Op) -> list[BookThing]:
        return books_having(self.books, *ops)

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
        written = self.having(Op.ADDED, Op.CHANGED, Op.REMOVED) or self.flags_having(Op.ADDED, Op.CHANGED)
        return not (self.missing or self.clashing or written or self.books_having(Op.ADDED, Op.CHANGED))


def timelines(lines: Iterable[Line], at: datetime) -> dict[Place, tuple[Line, ...]]:
    """What is left of the lines at `at`, by place."""
    found: dict[Place, list[Line]] = defaultdict(list)
    for line in in_order(lines):
        seen = line.seen_at(at)
        if seen is not None:
            found[line.place].append(seen)
    return {place: tuple(each) for place, each in found.items()}


def compared_contents(wanted: Contents, stored: Contents, *, prune: bool = False, overwrite: bool = True) -> Difference:
    """Places that only the stored has are removed under `prune`, and otherwise nobody's business.

    Flags that only the stored has stay: a flag is disabled, and never removed.
    """
    definitions = {
        key: Op.ADDED if key not in stored.definitions
        else Op.EQUAL if _meaning(definition) == _meaning(stored.definitions[key])
        else Op.CHANGED
        for key, definition in sorted(wanted.definitions.items())
    }  # fmt: skip
    places = dict(sorted(_places(wanted.timelines, stored.timelines, prune, overwrite)))
    flags = dict(_flags(wanted.flags or {}, stored.flags or {}, overwrite))
    new, old = wanted.books or Bookkeeping(), stored.books or Bookkeeping()
    books = dict(compared_books(new, old, overwrite=overwrite))
    return Difference(definitions, places, flags, books, clashing_books(new, old))


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


def _flags(wanted: Mapping[str, Json], stored: Mapping[str, Json], overwrite: bool) -> Iterator[tuple[str, Op]]:  # noqa: FBT001  # named by the only caller
    for key, flag in sorted(wanted.items()):
        if key == SHARED_RULES and not flag and key not in stored:
            continue
        if key not in stored:
            yield key, Op.ADDED
        elif canonical_bytes(flag) == canonical_bytes(stored[key]):
            yield key, Op.EQUAL
        else:
            yield key, Op.CHANGED if overwrite else Op.KEPT


def _said(lines: Iterable[Line]) -> bytes:
    """Bytes, because to Python true is 1."""
    return canonical_bytes([line.to_json() for line in lines])


def _meaning(definition: Definition) -> bytes:
    meant: dict[str, Json] = {name: value for name, value in definition.to_json().items() if name not in WORDS}
    return canonical_bytes(meant)
