"""The clauses that targeting has most are compiled to what they compare with: a text, a set, a parsed version."""

from collections.abc import Callable, Sequence
from typing import Any

from domain.flags.expression import Compilation, Compiled, apply, constant
from domain.flags.semver import COMPARISONS, version_of
from domain.flags.values import loosely_equal
from domain.json_value import Json


def equal(compilation: Compilation, arguments: Sequence[Json]) -> Compiled:
    """`==`, where comparing with a fixed text is the clause that flags have most."""
    parts = compilation.compile_each(arguments)
    if len(parts) != 2 or not parts[0].varies or not isinstance(text := parts[1].constant, str):  # noqa: PLR2004  two sides
        return apply("==", parts)
    left = parts[0].run
    return Compiled(
        lambda scope: value == text if isinstance(value := left(scope), str) else loosely_equal(value, text), plain=True
    )


def contained(compilation: Compilation, arguments: Sequence[Json]) -> Compiled:
    """`in`, where a fixed list becomes a set."""
    parts = compilation.compile_each(arguments)
    if len(parts) != 2 or not parts[0].varies or not isinstance(items := parts[1].constant, list):  # noqa: PLR2004  two sides
        return apply("in", parts)
    if not all(isinstance(item, str | int | float | None) for item in items):
        return apply("in", parts)
    needle, among = parts[0].run, frozenset(items)
    return Compiled(
        lambda scope: value in among if not isinstance(value := needle(scope), (list, dict)) else False, plain=True
    )


def starts(compilation: Compilation, arguments: Sequence[Json]) -> Compiled:
    return _on_texts(str.startswith, compilation.compile_each(arguments))


def ends(compilation: Compilation, arguments: Sequence[Json]) -> Compiled:
    return _on_texts(str.endswith, compilation.compile_each(arguments))


def _on_texts(holds: Callable[[str, str], bool], parts: Sequence[Compiled]) -> Compiled:
    if len(parts) != 2:  # noqa: PLR2004  the text and its beginning or end
        return constant(None)
    left, right = (part.run for part in parts)

    def run(scope: Any) -> bool | None:
        text, edge = left(scope), right(scope)
        return holds(text, edge) if isinstance(text, str) and isinstance(edge, str) else None

    return Compiled(run, plain=True)


def versions(compilation: Compilation, arguments: Sequence[Json]) -> Compiled:
    """`sem_ver`: a version, a comparison, a version; null when one of them is not."""
    parts = compilation.compile_each(arguments)
    if len(parts) != 3:  # noqa: PLR2004  both versions and what stands between them
        return constant(None)
    left, sign, right = parts
    first, operator, second = left.run, sign.run, right.run

    def run(scope: Any) -> bool | None:
        a, b = version_of(first(scope)), version_of(second(scope))
        name = operator(scope)
        compare = COMPARISONS.get(name) if isinstance(name, str) else None
        return None if a is None or b is None or compare is None else compare(a, b)

    if sign.varies or right.varies:
        return Compiled(run, plain=True)
    wanted = version_of(right.constant)
    compare = COMPARISONS.get(sign.constant) if isinstance(sign.constant, str) else None
    if wanted is None or compare is None:
        return constant(None)
    return Compiled(
        lambda scope: compare(version, wanted) if (version := version_of(first(scope))) is not None else None,
        plain=True,
    )
