"""A prerequisite is a condition on what another flag gives: `{"$flag": ["key", "variant", ...]}` is true for these."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from domain.flags.limits import pointer
from domain.json_value import Json

PREREQUISITE: Final = "$flag"
LONGEST_CHAIN: Final = 8
"""Flags that a flag may need one through the other."""


@dataclass(frozen=True, slots=True)
class Prerequisite:
    """`path` is where the rule says it."""

    path: str
    key: str
    variants: tuple[str, ...]


def operand_fault(operand: Json) -> str | None:
    """What is wrong with how a prerequisite is written; whether there is such a flag the whole set says."""
    if not isinstance(operand, list) or not all(isinstance(each, str) and each for each in operand):
        return "expected the key of a flag and names of its variants"
    if len(operand) < 2:  # noqa: PLR2004  the key and a variant
        return "expected at least one variant of the flag"
    return None


def prerequisites(rule: Json, path: str = "") -> list[Prerequisite]:
    """Those that a checked rule holds, in the order of their pointers."""
    return sorted(_found(rule, path), key=lambda each: each.path)


def _found(rule: Json, path: str) -> Iterator[Prerequisite]:
    waiting = [(path, rule)]
    while waiting:
        at, each = waiting.pop()
        if isinstance(each, list):
            waiting += [(pointer(at, place), item) for place, item in enumerate(each)]
        elif isinstance(each, dict):
            for name, argument in each.items():
                if name == PREREQUISITE and operand_fault(argument) is None:
                    yield Prerequisite(pointer(at, name), argument[0], tuple(argument[1:]))
                else:
                    waiting.append((pointer(at, name), argument))


@dataclass(frozen=True, slots=True)
class Needs:
    """Which flags need which: `direct` says it of those that need any."""

    direct: Mapping[str, frozenset[str]]
    _longer: dict[tuple[str, int], bool] = field(default_factory=dict, compare=False)

    def of(self, key: str) -> frozenset[str]:
        return self.direct.get(key, frozenset())

    def touched_by(self, keys: Iterable[str]) -> set[str]:
        """These flags, and those that need them, one through the other."""
        needed_by: dict[str, list[str]] = {}
        for key, needed in self.direct.items():
            for each in needed:
                needed_by.setdefault(each, []).append(key)
        touched, waiting = set(keys), list(keys)
        while waiting:
            more = [key for key in needed_by.get(waiting.pop(), ()) if key not in touched]
            touched.update(more)
            waiting += more
        return touched

    def longer_than(self, key: str, steps: int) -> bool:
        """Whether a chain of needs from here is longer than that, or has no end."""
        known = self._longer.get((key, steps))
        if known is None:
            known = any(steps == 0 or self.longer_than(each, steps - 1) for each in self.of(key))
            self._longer[key, steps] = known
        return known

    def circle(self, key: str) -> list[str] | None:
        """A shortest way from a flag back to itself."""
        came: dict[str, str] = {}
        waiting = [key]
        for at in waiting:
            for each in sorted(self.of(at)):
                if each == key:
                    return _way(came, key, at)
                if each not in came:
                    came[each] = at
                    waiting.append(each)
        return None


def _way(came: Mapping[str, str], start: str, end: str) -> list[str]:
    way = [start, end] if end != start else [start]
    while end != start:
        end = came[end]
        if end != start:
            way.insert(1, end)
    return [*way, start]
