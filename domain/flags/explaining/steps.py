"""What was traced is told as a tree of steps: each with its place, its operands, its result, and whether it decided."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from domain.flags.bucketing import Bucketing
from domain.flags.explaining.places import LIST, REFERENCE, Place
from domain.flags.explaining.splits import Split, split_of
from domain.flags.explaining.traces import UNKNOWN, Visit
from domain.flags.explaining.values import brief
from domain.flags.expression import VARIES
from domain.flags.values import truthy
from domain.json_value import Json

CHOICES: Final = frozenset({"if", "?:"})
CONNECTIVES: Final = frozenset({"and", "or"})
SPLIT: Final = "fractional"
STOPPED_BY: Final = {"and": False, "or": True, "all": False, "some": True, "none": False}
"""The truth of the result with which an operator needs to look no further than at what gave it."""
_OF_ITEMS: Final = frozenset({"all", "some", "none"})


@dataclass(frozen=True)
class Step:
    """One operator, or a literal, which has none.

    `decided`: with these steps alone the result is the same. `failed`: the evaluation broke off within it.
    """

    pointer: str
    operator: str | None
    looked_at: bool
    decided: bool = False
    failed: bool = False
    result: Json = None
    held: bool = False
    """The result counts as true."""
    steps: tuple["Step", ...] = ()
    split: Split | None = None
    items: int | None = None
    """How many items an iteration looked at; of more than a few only some are told."""
    refers_to: str | None = None
    written: str | None = None
    """What people wrote that stands here now."""

    @property
    def lazy(self) -> bool:
        """Looks at its operands one by one, as far as it needs them."""
        return self.operator in CHOICES or self.operator in CONNECTIVES

    @property
    def literal(self) -> bool:
        """Stands in the rule as the value that it is."""
        return self.operator is None or (self.operator == LIST and all(step.literal for step in self.steps))

    @property
    def told(self) -> tuple["Step", ...]:
        """Those below that say more than their value."""
        return self.steps if self.lazy else tuple(step for step in self.steps if not step.literal)

    @property
    def operands(self) -> list[Json]:
        """As evaluated."""
        told = not self.lazy and self.operator not in {SPLIT, REFERENCE}
        return [step.result for step in self.steps if step.looked_at] if told else []


@dataclass(frozen=True)
class Steps:
    """Makes the steps of one evaluation; `written` says by pointer what people wrote."""

    flag_key: str
    bucketing: Bucketing
    written: Mapping[str, str]

    def of(self, visit: Visit) -> Step:
        return self._seen(visit.place, visit, decided=True)

    def _seen(self, place: Place, visit: Visit | None, *, decided: bool) -> Step:
        """`visit` is None for what was worked out once and for all."""
        result = place.constant if visit is None else visit.result
        return Step(
            place.pointer,
            place.operator,
            looked_at=True,
            decided=decided,
            failed=result is UNKNOWN,
            result=None if result is UNKNOWN else brief(result),
            held=result is not UNKNOWN and truthy(result),
            steps=tuple(self._below(place, visit, decided=decided)),
            split=split_of(place, visit, self.flag_key, self.bucketing) if place.operator == SPLIT and visit else None,
            items=visit.items if visit and visit.items else None,
            refers_to=place.refers_to,
            written=self.written.get(place.pointer),
        )

    def _unseen(self, place: Place) -> Step:
        return Step(
            place.pointer, place.operator, looked_at=False, refers_to=place.refers_to,
            written=self.written.get(place.pointer),
        )  # fmt: skip

    def _below(self, place: Place, visit: Visit | None, *, decided: bool) -> Iterator[Step]:
        deciding = _deciding(place, visit) if visit and decided else frozenset()
        lazy = visit is not None and (place.operator in CHOICES or place.operator in CONNECTIVES)
        visits: dict[Place, list[Visit]] = {}
        for each in visit.below if visit else ():
            visits.setdefault(each.place, []).append(each)
        for operand in _operands(place):
            for each in visits.get(operand, ()):
                yield self._seen(operand, each, decided=each in deciding)
            if operand not in visits:
                fixed = operand.constant is not VARIES and not lazy
                yield self._seen(operand, None, decided=decided) if fixed else self._unseen(operand)


def _operands(place: Place) -> Iterator[Place]:
    """Those of the arms are those of the split; what they say themselves the split tells."""
    for operand in place.operands:
        if place.operator != SPLIT:
            yield operand
        else:
            parts = operand.operands if operand.operator == LIST else (operand,)
            yield from (each for each in parts if each.operator is not None)


def _deciding(place: Place, visit: Visit) -> frozenset[Visit]:
    """Of the visits below those without which the result could have been another."""
    below = visit.below
    if place.operator in CHOICES:
        return _chosen(place, below) if below else frozenset()
    if place.operator in CONNECTIVES and visit.result is UNKNOWN:
        return frozenset(below[-1:])
    if below and place.operator in STOPPED_BY and truthy(visit.result) is STOPPED_BY[place.operator]:
        kept = [each for each in below[:-1] if place.operator in _OF_ITEMS and each.place is place.operands[0]]
        return frozenset([*kept, below[-1]])
    return frozenset(below)


def _chosen(place: Place, below: list[Visit]) -> frozenset[Visit]:
    """The value and the condition that held for it; every condition where none held and nothing is given otherwise."""
    last = below[-1]
    index = next(index for index, operand in enumerate(place.operands) if operand is last.place)
    if index % 2:
        return frozenset(below[-2:])
    alone = last.result is UNKNOWN or index == len(place.operands) - 1
    return frozenset([last] if alone else below)
