"""Taking a change back: what it wrote, beside what was there before it and what is there now."""

from dataclasses import dataclass
from functools import cached_property

from domain.canonical import Json
from domain.changes.difference import merged, three_ways


@dataclass(frozen=True)
class Reversal:
    """Of one target; `touched` when somebody wrote there since. What lies at `veiled` is told to nobody."""

    label: str
    before: Json
    written: Json
    now: Json
    touched: bool
    veiled: str | None = None

    @cached_property
    def collisions(self) -> list[str]:
        """Pointers at which the change and what came later both changed something, and not to the same."""
        return merged(self.written, self.before, self.now)[1]

    @cached_property
    def result(self) -> Json:
        """What was there before, save where it collides: there it stays as it is."""
        return merged(self.written, self.now, self.before)[0]

    @property
    def moves(self) -> bool:
        """Whether there is anything to write."""
        return bool(three_ways(self.now, self.now, self.result))

    def to_json(self) -> dict[str, Json]:
        """`lines`: base was there before the change, theirs is there now, ours would be if all were taken back."""
        ours = merged(self.written, self.before, self.now)[0]
        lines = [self._told(line) for line in three_ways(self.before, self.now, ours)]
        distinct = {line["path"]: line for line in lines}
        return {"key": self.label, "touched": self.touched, "lines": list(distinct.values())}

    def _told(self, line: dict[str, Json]) -> dict[str, Json]:
        path = line["path"]
        collides = any(_meet(path, each) for each in self.collisions)
        if self.veiled is not None and _meet(path, self.veiled):
            return {"path": self.veiled, "changed": True, "collides": collides}
        return {**line, "collides": collides}


def _meet(one: str, other: str) -> bool:
    """Whether one of the pointers leads to the other, or through it."""
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")
