"""A split gives each subject one of its arms, in proportion to their weights and always the same one."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any

from domain.flags.bucketing import hash_of, shorthand_hash, thresholds
from domain.flags.expression import Compilation, Compiled, Expression, constant
from domain.json_value import Json

Pick = Callable[[Any, int], Any]
"""From a scope and the subject's hash to the variant of the arm that takes it."""


def split(compilation: Compilation, arguments: Sequence[Json]) -> Compiled:
    """`fractional`: optionally what to bucket by, then arms `[variant]` or `[variant, weight]`."""
    if not arguments:
        return constant(None)
    shorthand = shorthand_of(compilation)
    if isinstance(arguments[0], list):
        pick = _pick([_parts(compilation, arm) for arm in arguments])
        return Compiled(lambda scope: None if (place := shorthand(scope)) is None else pick(scope, place))
    subject = compilation.compile(arguments[0]).run
    arms = [_parts(compilation, arm) for arm in arguments[1:]]
    pick, evaluate, bucketing = _pick(arms), _evaluation(arms), compilation.bucketing

    def run(scope: Any) -> Any:
        by = subject(scope)
        if isinstance(by, list):  # so it is an arm, and nothing was named to bucket by
            place = shorthand(scope)
            return None if place is None else _choice([by, *evaluate(scope)], place)
        place = hash_of(by, bucketing)
        return None if place is None else pick(scope, place)

    return Compiled(run)


def shorthand_of(compilation: Compilation) -> Expression:
    """The hash of flag key and targeting key; an item of an iteration has a targeting key only of its own."""
    hashed = shorthand_hash(compilation.flag_key if compilation.root else "", compilation.bucketing)
    if compilation.root:
        return lambda scope: hashed(scope.get("targetingKey"))
    return lambda scope: hashed(scope.get("targetingKey")) if isinstance(scope, dict) else None


def _parts(compilation: Compilation, arm: Json) -> Compiled | list[Compiled]:
    """Variant and weight of an arm that is written down, or the expression that gives the arm."""
    return compilation.compile_each(arm) if isinstance(arm, list) else compilation.compile(arm)


def _is_weight(weight: Any) -> bool:
    return isinstance(weight, int) and not isinstance(weight, bool)


def _weight_of(arm: Compiled | list[Compiled]) -> Any:
    """The weight that is written down, or something that is not one."""
    if isinstance(arm, Compiled) or len(arm) not in (1, 2):
        return None
    return arm[1].constant if len(arm) > 1 else 1


def _pick(arms: Sequence[Compiled | list[Compiled]]) -> Pick:
    weights = [_weight_of(arm) for arm in arms]
    if not all(map(_is_weight, weights)):
        evaluate = _evaluation(arms)
        return lambda scope, place: _choice(evaluate(scope), place)
    bounds = thresholds([max(0, weight) for weight in weights])
    if not bounds:
        return lambda _scope, _place: None
    variants = [arm[0] for arm in arms if isinstance(arm, list)]
    if any(variant.varies for variant in variants):
        runs = [variant.run for variant in variants]
        return lambda scope, place: runs[bisect_right(bounds, place)](scope)
    values = [variant.constant for variant in variants]
    return lambda _scope, place: values[bisect_right(bounds, place)]


def _evaluation(arms: Sequence[Compiled | list[Compiled]]) -> Callable[[Any], list[Any]]:
    return lambda scope: [
        [part.run(scope) for part in arm] if isinstance(arm, list) else arm.run(scope) for arm in arms
    ]


def weights_of(arms: Sequence[Any]) -> list[int] | None:
    """Of arms that were worked out, none below 0; None when one of them is not an arm."""
    if not all(isinstance(arm, list) and len(arm) in (1, 2) and _is_weight([*arm, 1][1]) for arm in arms):
        return None
    return [max(0, [*arm, 1][1]) for arm in arms]


def _choice(arms: Sequence[Any], place: int) -> Any:
    """The variant of the arm that takes this hash, for arms that were worked out; null when one is not an arm."""
    weights = weights_of(arms)
    bounds = thresholds(weights) if weights else []
    return arms[bisect_right(bounds, place)][0] if bounds else None
