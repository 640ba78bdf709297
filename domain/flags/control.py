"""A choice evaluates only what it needs, and gives back an operand rather than a truth value."""

from collections.abc import Sequence
from typing import Any

from domain.flags.expression import Compilation, Compiled, constant
from domain.flags.values import truthy
from domain.json_value import Json


def choose(compilation: Compilation, arguments: Sequence[Json]) -> Compiled:
    """`if`: condition, value, condition, value, ..., otherwise."""
    parts = compilation.compile_each(arguments)
    otherwise = parts.pop() if len(parts) % 2 else constant(None)
    pairs = [(condition.test, value.run) for condition, value in zip(parts[::2], parts[1::2], strict=True)]
    plain = otherwise.plain and all(value.plain for value in parts[1::2])
    if not pairs:
        return otherwise
    last = otherwise.run
    if len(pairs) == 1:
        ((test, first),) = pairs
        return Compiled(lambda scope: first(scope) if test(scope) else last(scope), plain=plain)

    def run(scope: Any) -> Any:
        for holds, value in pairs:
            if holds(scope):
                return value(scope)
        return last(scope)

    return Compiled(run, plain=plain)


def every(compilation: Compilation, arguments: Sequence[Json]) -> Compiled:
    """`and`: the first operand that counts as false, else the last."""
    parts = compilation.compile_each(arguments)
    runs = [part.run for part in parts]

    def run(scope: Any) -> Any:
        value = None
        for operand in runs:
            value = operand(scope)
            if not truthy(value):
                return value
        return value

    def run_plain(scope: Any) -> Any:
        value = None
        for operand in runs:
            value = operand(scope)
            if not value:
                return value
        return value

    plain = all(part.plain for part in parts)
    return Compiled(run_plain if plain else run, plain=plain)


def either(compilation: Compilation, arguments: Sequence[Json]) -> Compiled:
    """`or`: the first operand that counts as true, else the last."""
    parts = compilation.compile_each(arguments)
    runs = [part.run for part in parts]

    def run(scope: Any) -> Any:
        value = None
        for operand in runs:
            value = operand(scope)
            if truthy(value):
                return value
        return value

    return Compiled(run, plain=all(part.plain for part in parts))
