"""An authored document is read place by place, and what is wrong is told at its JSON Pointer."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import Final

from domain.errors import Fault
from domain.flags.limits import DEEPEST, Faults, check_scalar, pointer
from domain.json_value import Json

Check = Callable[[Json, str, Faults], None]
"""Appends what is wrong with a rule that stands at a path."""


@dataclass(frozen=True, slots=True)
class Place:
    """`names_segments` is False inside a segment: flagd's shared rules do not refer to each other.

    Without a `check` what stands here was checked when it was written: no fault is looked for, so no place is told.
    """

    path: str
    faults: Faults
    check: Check | None
    names_segments: bool = True
    depth: int = 1

    def at(self, *steps: object) -> "Place":
        if self.check is None:
            return self
        path = self.path
        for step in steps:
            path = pointer(path, step)
        return Place(path, self.faults, self.check, self.names_segments, self.depth)

    def below(self) -> "Place | None":
        """The same place for what is nested in it; None, and a fault, where that is too deep."""
        if self.check is None:
            return self
        if self.depth < DEEPEST:
            return replace(self, depth=self.depth + 1)
        self.fault(f"nested deeper than {DEEPEST} levels")
        return None

    def fault(self, message: str) -> None:
        if self.check is not None:
            self.faults.append(Fault(self.path, message))

    def rule(self, rule: Json) -> Json:
        """The rule that somebody wrote here, checked."""
        if self.check is not None:
            self.check(rule, self.path, self.faults)
        return rule

    def made(self, rule: Json) -> Json:
        """The rule that was made of what stands here; its faults are told here and once each."""
        found: Faults = []
        if self.check is not None:
            self.check(rule, self.path, found)
        for message in dict.fromkeys(fault.message for fault in found):
            self.fault(message)
        return rule

    def members(self, raw: Json, known: Collection[str], needed: Iterable[str] = ()) -> dict[str, Json]:
        """What an object says; nothing where there is none."""
        if not isinstance(raw, dict):
            self.fault("expected an object")
            return {}
        for name in sorted(raw.keys() - set(known)):
            self.at(name).fault("unknown field; expected one of " + ", ".join(sorted(known)))
        for name in needed:
            if name not in raw:
                self.at(name).fault("is needed")
        return raw

    def items(self, raw: Json) -> list[tuple[Json, "Place"]]:
        """What an array holds, each with its place."""
        if not isinstance(raw, list) or not raw:
            self.fault("expected an array that is not empty")
            return []
        return [(each, self.at(index)) for index, each in enumerate(raw)]

    def text(self, raw: Json) -> str:
        if isinstance(raw, str) and raw:
            if self.check is not None:
                check_scalar(raw, self.path, self.faults)
            return raw
        self.fault("expected a text that is not empty")
        return ""

    def texts(self, raw: Json) -> list[str]:
        return [place.text(each) for each, place in self.items(raw)]

    def switch(self, raw: Json) -> bool:
        if not isinstance(raw, bool):
            self.fault("expected true or false")
        return raw is True


TRUSTED: Final = Place("", [], None)
"""Everywhere in a valid document."""
