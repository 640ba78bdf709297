"""What a rule can result in is seen from how it is written, before any context is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Final

from domain.flags.addresses import IP_RANGE
from domain.flags.operators import PREDICATES
from domain.flags.prerequisites import PREREQUISITE
from domain.json_value import Json

_ALWAYS: Final = PREDICATES | {"all", "some", "none", PREREQUISITE, IP_RANGE}
_UNLESS_WRONG: Final = frozenset({"starts_with", "ends_with", "sem_ver"})


@dataclass(frozen=True, slots=True)
class Results:
    """`texts` are written down and not empty; `other` stands for whatever only a context tells, null among it."""

    texts: frozenset[str] = frozenset()
    truths: frozenset[bool] = frozenset()
    null: bool = False
    other: bool = False

    def __or__(self, more: "Results") -> "Results":
        return Results(
            self.texts | more.texts, self.truths | more.truths, self.null or more.null, self.other or more.other
        )

    def names(self, default: str | None) -> frozenset[str] | None:
        """The variants that these stand for; None where any may be."""
        if self.other:
            return None
        written = self.texts | {"true" if truth else "false" for truth in self.truths}
        return written | {default} if self.null and default is not None else written


_NULL: Final = Results(null=True)
_OTHER: Final = Results(null=True, other=True)
_TRUTH: Final = Results(truths=frozenset({True, False}))


def results(rule: Json, shared: Mapping[str, Json]) -> Results:
    """Of a checked rule; `shared` are the rules that a `$ref` names."""
    if not isinstance(rule, dict):
        return _written(rule)
    ((name, argument),) = rule.items()
    arguments = argument if isinstance(argument, list) else [argument]
    if name == "$ref":
        return results(shared[argument], shared) if argument in shared else _OTHER
    if name in {"if", "?:"}:
        return _of_choice(arguments, shared)
    if name in {"and", "or"}:
        return _any([results(each, shared) for each in arguments]) if arguments else _NULL
    if name == "fractional":
        return _of_split(arguments, shared)
    if name in _ALWAYS:
        return _TRUTH
    return _TRUTH | _NULL if name in _UNLESS_WRONG else _OTHER


def _written(value: Json) -> Results:
    if value is None:
        return _NULL
    if isinstance(value, bool):
        return Results(truths=frozenset({value}))
    return Results(texts=frozenset({value})) if isinstance(value, str) and value else _OTHER


def _any(some: Sequence[Results]) -> Results:
    return reduce(Results.__or__, some)


def _of_choice(arguments: Sequence[Json], shared: Mapping[str, Json]) -> Results:
    """A condition that is written as false or true settles which value is none, or the last."""
    found = Results()
    for condition, value in zip(arguments[::2], arguments[1::2], strict=False):
        if condition is False:
            continue
        found |= results(value, shared)
        if condition is True:
            return found
    return found | (results(arguments[-1], shared) if len(arguments) % 2 else _NULL)


def _of_split(arguments: Sequence[Json], shared: Mapping[str, Json]) -> Results:
    """Nobody falls into an arm without weight; without a subject the split gives null."""
    arms = arguments if arguments and isinstance(arguments[0], list) else arguments[1:]
    if not all(isinstance(arm, list) and arm for arm in arms):
        return _OTHER
    return _any([_NULL, *(results(arm[0], shared) for arm in arms if len(arm) == 1 or arm[1] != 0)])
