"""Iterations run over arrays, and all the iterations of one evaluation share a bounded amount of work."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

from domain.flags.expression import Compilation, Compiled, Expression, Form, constant
from domain.flags.values import RuleTooCostly
from domain.json_value import Json

LARGEST_WORK = 250_000
"""Nodes of rules that the iterations of one evaluation may visit; large intermediate values count for more."""
LARGEST_VALUE = 10_000
"""Nodes that a value made in an iteration may have: a value can otherwise double in every step."""


class _Work(threading.local):
    left = 0


_work = _Work()  # an evaluation never suspends, so a thread has at most one at a time


def begin() -> None:
    """Start the count for one evaluation."""
    _work.left = LARGEST_WORK


def _spend(amount: int) -> None:
    _work.left -= amount
    if _work.left < 0:
        raise RuleTooCostly


def _weight_of(value: Any) -> int:
    """1 for a small value, more for what takes longer to compare, convert or copy."""
    if isinstance(value, str):
        return 1 + len(value) // 64
    if not isinstance(value, list | dict):
        return 1
    nodes, waiting = 0, [value]
    while waiting:
        items = waiting.pop()
        nodes += 1 + len(items)
        if nodes > LARGEST_VALUE:
            raise RuleTooCostly
        inner = items if isinstance(items, list) else items.values()
        waiting.extend(item for item in inner if isinstance(item, list | dict))
    return 1 + nodes // 4


def _body(compilation: Compilation, arguments: Sequence[Json]) -> tuple[Expression, Compiled, int]:
    """The items, what is evaluated for each, and how many nodes that has."""
    compilation.notes.iterates = True
    items = compilation.compile(arguments[0])
    before = compilation.notes.nodes
    body = compilation.inside().compile(arguments[1] if len(arguments) > 1 else None)
    return items.run, body, compilation.notes.nodes - before


def mapped(compilation: Compilation, arguments: Sequence[Json]) -> Compiled:
    if not arguments:
        return constant([])
    items, body, nodes = _body(compilation, arguments)
    each = body.run

    def step(item: Any) -> Any:
        value = each(item)
        _spend(nodes * _weight_of(value))
        return value

    def run(scope: Any) -> list[Any]:
        among = items(scope)
        return [step(item) for item in among] if isinstance(among, list) else []

    return Compiled(run, plain=True)


def reduced(compilation: Compilation, arguments: Sequence[Json]) -> Compiled:
    """The initial value is taken as it stands in the rule: it is not evaluated."""
    if not arguments:
        return constant(None)
    items, body, nodes = _body(compilation, arguments)
    each, initial = body.run, arguments[2] if len(arguments) > 2 else None  # noqa: PLR2004  items, body, initial

    def run(scope: Any) -> Any:
        among, accumulator = items(scope), initial
        for item in among if isinstance(among, list) else ():
            _spend(nodes * _weight_of(accumulator))
            accumulator = each({"current": item, "accumulator": accumulator})
        _weight_of(accumulator)
        return accumulator

    return Compiled(run)


def _testing(decide: Callable[[Expression, list[Any]], Any], otherwise: Callable[[], Any]) -> Form:
    """An operator that tests the items one by one; `otherwise` makes its value when there is nothing to test."""

    def form(compilation: Compilation, arguments: Sequence[Json]) -> Compiled:
        if len(arguments) < 2:  # noqa: PLR2004  the items and the test
            return constant(otherwise())
        items, body, nodes = _body(compilation, arguments)
        test = body.test

        def run(scope: Any) -> Any:
            among = items(scope)
            if not isinstance(among, list) or not among:
                return otherwise()
            _spend(nodes * len(among))
            return decide(test, among)

        return Compiled(run, plain=True)

    return form


FORMS: dict[str, Form] = {
    "map": mapped,
    "reduce": reduced,
    "filter": _testing(lambda test, items: [item for item in items if test(item)], list),
    "all": _testing(lambda test, items: all(test(item) for item in items), otherwise=lambda: False),
    "some": _testing(lambda test, items: any(test(item) for item in items), otherwise=lambda: False),
    "none": _testing(lambda test, items: not any(test(item) for item in items), otherwise=lambda: True),
}
