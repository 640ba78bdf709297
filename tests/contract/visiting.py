"""Every operator that an evaluation comes by is looked at, with the values that it was given."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.flags import Bucketing, iteration
from domain.flags.expression import Compilation, Expression
from domain.flags.jsonlogic import FORMS
from domain.flags.values import truthy
from domain.json_value import Json

ARITHMETIC = frozenset({"+", "-", "*", "/", "%", "min", "max"})
ITERATIONS = frozenset({"map", "filter", "all", "some", "none", "reduce"})
_READING = frozenset({"var", "missing", "missing_some", "fractional", "$ref"})


@dataclass(frozen=True, slots=True)
class Visit:
    """One operator at work; `bare` when its one argument stands in no array, `inside` when its scope is an item.

    One that is not reached is `fixed` when something of it can be worked out beforehand; of arithmetic, any operand.
    """

    name: str
    arguments: Sequence[Json]
    values: Sequence[Any]
    scope: Any
    result: Any
    bare: bool
    inside: bool
    reached: bool
    fixed: bool
    steps: Sequence[Any] = ()
    """What the body of an iteration gave, item by item."""


class Failed:
    """Stands for the value of what could not be evaluated."""


class Walk:
    """Of one flag's rule."""

    def __init__(self, flag_key: str, bucketing: Bucketing, evaluators: Mapping[str, Json]) -> None:
        self._key, self._bucketing, self._evaluators = flag_key, bucketing, evaluators
        self._compiled: dict[tuple[int, bool], Expression] = {}
        self._fixed: dict[int, bool] = {}

    def value(self, rule: Json, scope: Any, *, inside: bool = False) -> Any:
        if not isinstance(rule, list | dict):
            return rule
        run = self._compiled.get((id(rule), inside))
        if run is None:
            compilation = Compilation(self._key, self._bucketing, self._evaluators, FORMS, root=not inside)
            run = self._compiled[id(rule), inside] = compilation.compile(rule).run
        iteration.begin()
        try:
            return run(scope)
        except Exception:  # noqa: BLE001  an evaluation makes an outcome of it
            return Failed()

    def visits(self, rule: Json, scope: Any, *, inside: bool = False, reached: bool = True) -> Iterator[Visit]:
        """Those below it first."""
        if isinstance(rule, list):
            for each in rule:
                yield from self.visits(each, scope, inside=inside, reached=reached)
        if not isinstance(rule, dict):
            return
        ((name, argument),) = rule.items()
        if name == "$ref":
            yield from self.visits(self._evaluators[argument], scope, inside=inside, reached=reached)
            return
        arguments = argument if isinstance(argument, list) else [argument]
        steps: list[Any] = []
        if name in ITERATIONS:
            values = [self.value(each, scope, inside=inside) for each in arguments[:1]]
            for each in arguments[:1]:
                yield from self.visits(each, scope, inside=inside, reached=reached)
            body = arguments[1] if len(arguments) > 1 else None
            for item in self._scopes(name, arguments, values, body):
                yield from self.visits(body, item, inside=True, reached=reached and item is not Failed)
                steps.append(self.value(body, item, inside=True))
        else:
            values = [self.value(each, scope, inside=inside) for each in arguments]
            for each, comes in zip(arguments, _reached(name, values), strict=True):
                yield from self.visits(each, scope, inside=inside, reached=reached and comes)
        wrong = name in ITERATIONS and (argument is not arguments or len(arguments) < 2)
        fixed = wrong or self._is_fixed(rule)
        if name in ARITHMETIC and not (reached or fixed):
            values, fixed = (
                [value if self._is_fixed(each) else 1 for each, value in zip(arguments, values, strict=True)],
                True,
            )
        yield Visit(
            name, arguments, values, scope, self.value(rule, scope, inside=inside), not isinstance(argument, list),
            inside, reached, fixed, steps,
        )  # fmt: skip

    def _scopes(self, name: str, arguments: Sequence[Json], values: Sequence[Any], body: Json) -> Iterator[Any]:
        """What the body is evaluated in; once for nothing at all where there is no item."""
        items = values[0] if values and isinstance(values[0], list) else []
        accumulator = arguments[2] if len(arguments) > 2 else None
        for item in items:
            if name == "reduce":
                scope = {"current": item, "accumulator": accumulator}
                accumulator = self.value(body, scope, inside=True)
                yield scope
            else:
                yield item
        if not items:
            yield Failed

    def _is_fixed(self, rule: Json) -> bool:
        """It reads nothing but items of its own, so that some evaluators work it out before anybody asks."""
        if id(rule) not in self._fixed:
            self._fixed[id(rule)] = _reads_nothing(rule)
        return self._fixed[id(rule)]


def _reads_nothing(rule: Json) -> bool:
    if isinstance(rule, list):
        return all(map(_reads_nothing, rule))
    if not isinstance(rule, dict):
        return True
    ((name, argument),) = rule.items()
    if name in ITERATIONS and isinstance(argument, list):
        return _reads_nothing(argument[:1])
    return name not in _READING and _reads_nothing(argument)


def _reached(name: str, values: Sequence[Any]) -> list[bool]:
    """Which of the arguments the operator looks at."""
    if name in {"and", "or"}:
        ends = [index for index, value in enumerate(values) if truthy(value) is (name == "or")]
        last = ends[0] if ends else len(values)
        return [index <= last for index in range(len(values))]
    if name not in {"if", "?:"}:
        return [True] * len(values)
    reached = [False] * len(values)
    for index in range(0, len(values), 2):
        reached[index] = True
        if index + 1 < len(values) and truthy(values[index]):
            reached[index + 1] = True
            break
    return reached
