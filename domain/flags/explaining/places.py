"""Each operator of a rule stands at a place with a JSON Pointer, also where a shared rule is referred to twice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from domain.flags.evaluators import SHARED_RULES
from domain.flags.expression import VARIES, Expression
from domain.flags.limits import pointer
from domain.json_value import Json

LIST: Final = "[]"
REFERENCE: Final = "$ref"


@dataclass(slots=True, eq=False)
class Place:
    """An operator, a list, or a literal, which has no operator; `constant` is its value where no context changes it."""

    pointer: str
    operator: str | None = None
    operands: tuple["Place", ...] = ()
    constant: Any = VARIES
    refers_to: str | None = None
    """The shared rule that a reference names."""
    shorthand: Expression | None = None
    """The hash that a split takes which names nothing to bucket by."""


@dataclass(slots=True)
class Places:
    """A rule's copy, in which no two places are the same object: an object tells its place."""

    shared: Mapping[str, Json]
    copies: dict[str, Json] = field(default_factory=dict)
    """One of a shared rule for each reference, under the name that the reference has in the copy."""
    rules: dict[int, Place] = field(default_factory=dict)
    operands: dict[int, tuple[Place, ...]] = field(default_factory=dict)

    def copied(self, rule: Json, path: str) -> tuple[Json, Place]:
        """The copy has to live as long as its places are looked up."""
        if isinstance(rule, list):
            copy, operands = self._each(rule, path)
            return copy, self._place(copy, Place(path, LIST, operands))
        if not isinstance(rule, dict) or len(rule) != 1:
            return rule, Place(path, constant=rule)
        ((name, argument),) = rule.items()
        if name == REFERENCE:
            return self._reference(argument, path)
        inner = pointer(path, name)
        if isinstance(argument, list):
            copy, operands = self._each(argument, inner, written=2 if name == "reduce" else None)
        else:
            one, place = self.copied(argument, inner)
            copy, operands = [one], (place,)
            self.operands[id(copy)] = operands
        made = {name: copy}
        return made, self._place(made, Place(path, name, operands))

    def _reference(self, name: str, path: str) -> tuple[Json, Place]:
        copy, place = self.copied(self.shared[name], pointer(f"/{SHARED_RULES}", name))
        alias = str(len(self.copies))
        self.copies[alias] = copy
        made = {REFERENCE: alias}
        return made, self._place(made, Place(path, REFERENCE, (place,), refers_to=name))

    def _each(
        self, rules: Sequence[Json], path: str, *, written: int | None = None
    ) -> tuple[list[Json], tuple[Place, ...]]:
        """`written` is the index of the operand that is taken as it stands, if there is one."""
        copies: list[Json] = []
        places: list[Place] = []
        for index, rule in enumerate(rules):
            at = pointer(path, index)
            copy, place = (rule, Place(at, constant=rule)) if index == written else self.copied(rule, at)
            copies.append(copy)
            places.append(place)
        self.operands[id(copies)] = tuple(places)
        return copies, tuple(places)

    def _place(self, copy: Json, place: Place) -> Place:
        self.rules[id(copy)] = place
        return place
