"""A variable is read from the scope; what flagd injects into the scope is injected only for rules that can see it."""

from collections.abc import Sequence
from typing import Any

from domain.flags.expression import Compilation, Compiled, Expression, Notes, constant
from domain.flags.values import look_up, number_of
from domain.json_value import Json


def variable(compilation: Compilation, arguments: Sequence[Json]) -> Compiled:
    """`var`: a dotted path into the scope, with a default for what is absent or null."""
    parts = compilation.compile_each(arguments)
    key, default = [*parts, constant(None), constant(None)][:2]
    if compilation.root and key.constant == "$flagd.flagKey":
        return constant(compilation.flag_key)
    if compilation.root:
        _notice(compilation.notes, key)
    if key.varies:
        name, fallback = key.run, default.run
        return Compiled(lambda scope: look_up(scope, name(scope), fallback(scope)))
    read = _reading(key.constant, root=compilation.root)
    if default.constant is None:
        return Compiled(read)
    missing = default.run
    if isinstance(key.constant, int | float):  # by number, an item that is null stays null
        return Compiled(lambda scope: look_up(scope, key.constant, missing(scope)))
    return Compiled(lambda scope: missing(scope) if (value := read(scope)) is None else value)


def _notice(notes: Notes, key: Compiled) -> None:
    """Write down whether this variable can see more than the context, and whether it can see the time."""
    name = key.constant
    whole = key.varies or name is None or name in ("", "$flagd")
    injected = isinstance(name, str) and name.startswith("$flagd.")
    notes.reads_scope |= whole or injected
    notes.reads_time |= whole or (injected and name.startswith("$flagd.timestamp"))


def _reading(key: Any, *, root: bool) -> Expression:
    if not isinstance(key, str) or not key:
        return lambda scope: look_up(scope, key)
    first, dot, rest = key.partition(".")
    if dot and root:
        return lambda scope: look_up(scope.get(first), rest) if rest else look_up(scope, key)
    if root:
        return lambda scope: scope.get(first)
    return lambda scope: scope.get(first) if not dot and isinstance(scope, dict) else look_up(scope, key)


def missing(compilation: Compilation, arguments: Sequence[Json]) -> Compiled:
    """`missing`: those of the names that the scope does not have."""
    parts = compilation.compile_each(arguments)
    runs = [part.run for part in parts]
    compilation.notes.reads_scope |= compilation.root

    def run(scope: Any) -> list[Any]:
        names = [operand(scope) for operand in runs]
        return _absent(scope, names[0] if names and isinstance(names[0], list) else names)

    return Compiled(run, plain=True)


def missing_some(compilation: Compilation, arguments: Sequence[Json]) -> Compiled:
    """`missing_some`: nothing when enough of the names are there, else the names that are not."""
    parts = [*compilation.compile_each(arguments), constant(None), constant(None)]
    needed, listed = (part.run for part in parts[:2])
    compilation.notes.reads_scope |= compilation.root

    def run(scope: Any) -> list[Any]:
        names = listed(scope)
        if not isinstance(names, list):
            return []
        absent = _absent(scope, names)
        return [] if len(names) - len(absent) >= number_of(needed(scope)) else absent

    return Compiled(run, plain=True)


def _absent(scope: Any, names: Sequence[Any]) -> list[Any]:
    return [name for name in names if look_up(scope, name) in (None, "")]
