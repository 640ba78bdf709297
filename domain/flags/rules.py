"""A rule is checked before it is kept: its operators, its references, its splits and its size."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from domain.errors import Fault
from domain.flags.addresses import IP_RANGE, lowered, range_faults
from domain.flags.authoring import plain_rule
from domain.flags.bucketing import LARGEST_TOTAL
from domain.flags.iteration import FORMS as ITERATIONS
from domain.flags.jsonlogic import OPERATORS
from domain.flags.limits import DEEPEST, DEEPEST_PUBLISHED, MOST_NODES, Faults, check_scalar, pointer
from domain.flags.prerequisites import PREREQUISITE, operand_fault
from domain.flags.semver import COMPARISONS
from domain.json_value import Json

AUTHORED: Final = frozenset({PREREQUISITE, IP_RANGE})
"""Operators that people may write, and that no published rule holds."""

_GIVING_OPERANDS = frozenset({"if", "?:", "and", "or"})
"""Operators whose value is that of one of their arguments."""
_CHOICES = frozenset({"if", "?:"})


def variant_name(result: Any) -> str:
    """The name of the variant that a rule's result stands for."""
    if isinstance(result, bool):
        return "true" if result else "false"
    return result if isinstance(result, str) else str(result)


def check_rule(
    rule: Json,
    path: str,
    *,
    variants: Mapping[str, Json] | None,
    evaluators: Mapping[str, Json],
    faults: Faults,
    authored: frozenset[str] = AUTHORED,
) -> None:
    """Append every fault of the rule and of the shared rules that it refers to.

    `variants` are those that the rule may result in; None for a rule whose result is only looked at by others.
    `authored` are those operators of `AUTHORED` that may stand in it.
    """
    _Check(variants or {}, evaluators, faults, authored).visit(rule, _Place(path, gives_result=variants is not None))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the rule: `gives_result` when the value there can become the rule's result.

    `sees_item`: inside an iteration, where the scope is an item and not the context.
    """

    path: str
    depth: int = 1
    gives_result: bool = False
    evaluator: str | None = None
    sees_item: bool = False

    def at(self, step: object, *, gives_result: bool = False, deeper: int = 0) -> "_Place":
        """One argument of the operator here."""
        path = self.path if self.evaluator is not None else pointer(self.path, step)
        gives = gives_result and self.gives_result
        return _Place(path, self.depth + deeper, gives, self.evaluator, self.sees_item)

    def below(self) -> "_Place":
        return _Place(self.path, self.depth + 1, self.gives_result, self.evaluator, self.sees_item)


@dataclass(slots=True)
class _Check:
    variants: Mapping[str, Json]
    evaluators: Mapping[str, Json]
    faults: Faults
    authored: frozenset[str]
    nodes: int = field(default=0, init=False)

    @property
    def deepest(self) -> int:
        return DEEPEST if self.authored else DEEPEST_PUBLISHED

    def fault(self, place: _Place, message: str) -> None:
        within = "" if place.evaluator is None else f"in the evaluator {place.evaluator!r}: "
        self.faults.append(Fault(place.path, within + message))

    def visit(self, rule: Json, place: _Place) -> None:
        if not self.counted(1, place):
            return
        if not isinstance(rule, list | dict):
            scalars: Faults = []
            check_scalar(rule, place.path, scalars)
            for each in scalars:
                self.fault(place, each.message)
        elif place.depth > self.deepest:
            self.fault(place, f"nested deeper than {self.deepest} levels")
        elif isinstance(rule, list):
            self.visit_each(rule, place.below())
        elif len(rule) == 1:
            ((name, argument),) = rule.items()
            self.operator(name, argument, place)
        else:
            self.fault(place, "expected exactly one operator")

    def counted(self, nodes: int, place: _Place) -> bool:
        """Whether the rule may still have so many more values and operators; it is told once that it may not."""
        before, self.nodes = self.nodes, self.nodes + nodes
        if before <= MOST_NODES < self.nodes:
            self.fault(place, f"expected at most {MOST_NODES} values and operators in a rule")
        return self.nodes <= MOST_NODES

    def visit_each(self, rules: Sequence[Json], place: _Place, operator: str = "") -> None:
        """Visit each argument: of a choice every second is a value, as is the last; an iteration's first sees all."""
        choice, iteration = operator in _CHOICES, operator in ITERATIONS
        for index, rule in enumerate(rules):
            gives_result = not choice or index % 2 == 1 or index == len(rules) - 1
            at = place.at(index, gives_result=gives_result)
            self.visit(rule, replace(at, sees_item=True) if iteration and index else at)

    def operator(self, name: Any, argument: Json, place: _Place) -> None:
        inside = place.at(name, gives_result=name in _GIVING_OPERANDS or name == "fractional", deeper=1)
        if name == "$ref":
            self.reference(argument, place.at(name, gives_result=True))
            return
        if name == PREREQUISITE and name in self.authored:
            self.prerequisite(argument, inside)
            return
        if name == IP_RANGE and name in self.authored:
            self.addresses(argument, inside)
            return
        if name not in OPERATORS:
            self.fault(inside, f"unknown operator {str(name)[:100]!r}")
        if name == "fractional":
            self.split(argument if isinstance(argument, list) else [argument], inside)
            return
        if name == "sem_ver":
            self.comparison(argument, inside)
        if isinstance(argument, list):
            self.visit_each(argument, inside, name)
        else:
            self.visit(argument, inside)

    def reference(self, name: Json, place: _Place) -> None:
        if place.evaluator is not None:
            self.fault(place, "a shared rule may not refer to another")
        elif not isinstance(name, str) or name not in self.evaluators:
            self.fault(place, f"no evaluator {str(name)[:100]!r}")
        else:
            self.visit(plain_rule(self.evaluators[name]), _Place(place.path, place.depth, place.gives_result, name))

    def addresses(self, operands: Json, place: _Place) -> None:
        """A range counts as what it is published as; that is deeper, and never deeper than a published rule may be."""
        faults = list(range_faults(operands))
        for index, message in faults:
            self.fault(place if index is None else place.at(index), message)
        if not faults and self.counted(nodes_of(lowered([None, *operands[1:]])), place):
            self.visit(operands[0], place.at(0))

    def prerequisite(self, operand: Json, place: _Place) -> None:
        fault = operand_fault(operand)
        if fault is None and place.sees_item:
            fault = "an iteration sees its items and no flag; ask for the flag outside of it"
        if fault is not None:
            self.fault(place, fault)

    def comparison(self, argument: Json, place: _Place) -> None:
        sign = argument[1] if isinstance(argument, list) and len(argument) > 1 else None
        if sign is not None and not isinstance(sign, dict) and (not isinstance(sign, str) or sign not in COMPARISONS):
            self.fault(place.at(1), "expected one of " + " ".join(COMPARISONS))

    def split(self, arguments: Sequence[Json], place: _Place) -> None:
        start = 0 if arguments and isinstance(arguments[0], list) else 1
        if len(arguments) <= start:
            self.fault(place, "expected at least one arm")
        for index, argument in enumerate(arguments):
            at = place.at(index, gives_result=True)
            if index < start or isinstance(argument, dict):
                self.visit(argument, at)
            else:
                self.arm(argument, at)
        if sum(_weight_of(arm) for arm in arguments[start:]) > LARGEST_TOTAL:
            self.fault(place, f"expected weights with a sum of at most {LARGEST_TOTAL}")

    def misnamed(self, variant: Json, place: _Place) -> bool:
        """A written result of the rule that is no variant; where the value is only compared, any will do."""
        written = variant is not None and not isinstance(variant, dict)
        return written and place.gives_result and variant_name(variant) not in self.variants

    def arm(self, arm: Json, place: _Place) -> None:
        if not isinstance(arm, list) or not 1 <= len(arm) <= 2:  # noqa: PLR2004  variant and weight
            self.fault(place, "expected an arm: [variant] or [variant, weight]")
            return
        variant, weight = arm[0], [*arm, 1][1]
        named = place.at(0, gives_result=True)
        if isinstance(variant, list):
            self.fault(named, "expected the name of a variant, or a rule")
        elif self.misnamed(variant, place):
            self.fault(named, f"no variant {variant_name(variant)[:100]!r}")
        self.visit(variant, named.below())
        if not isinstance(weight, dict) and (not isinstance(weight, int) or isinstance(weight, bool) or weight < 0):
            self.fault(place.at(1), "expected a whole number of at least 0, or a rule")
        elif len(arm) > 1:
            self.visit(weight, place.at(1).below())


def _weight_of(arm: Json) -> int:
    weight = arm[1] if isinstance(arm, list) and len(arm) > 1 else 1
    return weight if isinstance(weight, int) and not isinstance(weight, bool) and weight > 0 else 0


def nodes_of(rule: Json) -> int:
    """Values and operators of a rule."""
    if not isinstance(rule, list | dict):
        return 1
    (inner,) = rule.values() if isinstance(rule, dict) else (rule,)
    return 1 + sum(map(nodes_of, inner if isinstance(inner, list) else [inner]))
