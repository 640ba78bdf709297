"""A rule is compiled once into closures; what does not depend on the context is worked out while compiling."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from domain.flags.bucketing import Bucketing
from domain.flags.operators import FIXED, PREDICATES, VARIADIC
from domain.flags.values import truthy
from domain.json_value import Json

Expression = Callable[[Any], Any]
"""From a scope (the context, or inside an iteration the current item) to a value."""

VARIES: Final = object()
"""Stands where a constant would be when the value depends on the scope."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """One compiled rule; `plain` says that Python's truth of its values is JsonLogic's, so that no test is needed."""

    run: Expression
    constant: Any = VARIES
    plain: bool = False

    @property
    def varies(self) -> bool:
        return self.constant is VARIES

    @property
    def test(self) -> Expression:
        """Whether the value counts as true."""
        run = self.run
        return run if self.plain else lambda scope: truthy(run(scope))


def constant(value: Any) -> Compiled:
    return Compiled(lambda _scope: value, value, plain=value is None or isinstance(value, bool))


@dataclass(slots=True)
class Notes:
    """What has been noticed about a rule while compiling it."""

    reads_scope: bool = False
    """Some variable may name what is not in the context itself: `$flagd`, or the whole scope."""
    reads_time: bool = False
    iterates: bool = False
    nodes: int = 0


@dataclass(frozen=True, slots=True)
class Compilation:
    """The compiling of one flag's rule; `root` is False inside an iteration, where the scope is the current item."""

    flag_key: str
    bucketing: Bucketing
    evaluators: Mapping[str, Json]
    forms: Mapping[str, "Form"]
    notes: Notes = field(default_factory=Notes)
    root: bool = True

    def inside(self) -> "Compilation":
        return replace(self, root=False)

    def compile(self, rule: Json) -> Compiled:
        """Compile a rule that has been checked."""
        self.notes.nodes += 1
        if isinstance(rule, list):
            return _sequence(self.compile_each(rule))
        if not isinstance(rule, dict) or len(rule) != 1:
            return constant(rule)
        ((name, argument),) = rule.items()
        if name == "$ref":
            return self.compile(self.evaluators[argument])
        arguments = argument if isinstance(argument, list) else [argument]
        if name in self.forms:
            return self.forms[name](self, arguments)
        return apply(name, self.compile_each(arguments))

    def compile_each(self, rules: Sequence[Json]) -> list[Compiled]:
        return [self.compile(rule) for rule in rules]


Form = Callable[[Compilation, Sequence[Json]], Compiled]
"""How an operator is compiled that decides itself which of its arguments are evaluated, when, and in which scope."""


def _sequence(items: list[Compiled]) -> Compiled:
    if not any(item.varies for item in items):
        return constant([item.constant for item in items])
    runs = [item.run for item in items]
    return Compiled(lambda scope: [run(scope) for run in runs])


def apply(name: str, arguments: Sequence[Compiled]) -> Compiled:
    """An operator that only looks at the values of its arguments."""
    plain = name in PREDICATES
    if name in VARIADIC:
        return _folded(_gathering(VARIADIC[name], arguments), arguments, plain=plain)
    function, arity = FIXED[name]
    missing = [constant(None)] * (arity - len(arguments))
    taken = [*arguments[:arity], *missing]
    return _folded(_CALLS[arity](function, *taken), taken, plain=plain)


def _folded(run: Expression, arguments: Sequence[Compiled], *, plain: bool) -> Compiled:
    if any(argument.varies for argument in arguments):
        return Compiled(run, plain=plain)
    try:
        return constant(run(None))
    except Exception:  # noqa: BLE001  it fails for every context alike, so the evaluation is the one to report it
        return Compiled(run, plain=plain)


def _gathering(function: Callable[[list[Any]], Any], arguments: Sequence[Compiled]) -> Expression:
    runs = [argument.run for argument in arguments]
    return lambda scope: function([run(scope) for run in runs])


def _unary(function: Callable[[Any], Any], a: Compiled) -> Expression:
    first = a.run
    return lambda scope: function(first(scope))


def _binary(function: Callable[[Any, Any], Any], a: Compiled, b: Compiled) -> Expression:
    first, second, fixed = a.run, b.run, b.constant
    if b.varies:
        return lambda scope: function(first(scope), second(scope))
    return lambda scope: function(first(scope), fixed)


def _ternary(function: Callable[[Any, Any, Any], Any], a: Compiled, b: Compiled, c: Compiled) -> Expression:
    first, second, third = a.run, b.run, c.run
    return lambda scope: function(first(scope), second(scope), third(scope))


_CALLS: dict[int, Callable[..., Expression]] = {1: _unary, 2: _binary, 3: _ternary}
