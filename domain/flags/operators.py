"""The operators that only look at values: comparisons, arithmetic, texts and lists."""

import math
import operator
from collections.abc import Callable, Sequence
from functools import reduce
from itertools import chain
from typing import Any

from domain.flags.values import RuleTooCostly, cat, comparable, loosely_equal, number_of, text_of, truthy

LONGEST_LIST = 10_000
"""Items that `merge` may give."""
_WIDEST = 4096
"""Bits that a product may have: squaring in a loop would otherwise fill the memory."""
_NUMBER = (int, float)


def _ordering(holds: Callable[[Any, Any], bool]) -> Callable[[Any, Any, Any], bool]:
    """`a < b`, or with a third value `a < b < c`."""

    def pair(a: Any, b: Any) -> bool:
        if isinstance(a, _NUMBER) and isinstance(b, _NUMBER):
            return holds(a, b)
        return holds(*comparable(a, b))

    def compare(a: Any, b: Any, c: Any) -> bool:
        return pair(a, b) if c is None else pair(a, b) and pair(b, c)

    return compare


def _contains(needle: Any, haystack: Any) -> bool:
    if isinstance(haystack, list):
        return needle in haystack
    return text_of(needle) in haystack if isinstance(haystack, str) else False


def _minus(a: Any, b: Any) -> float:
    return -number_of(a) if b is None else number_of(a) - number_of(b)


def _divided(a: Any, b: Any) -> float | None:
    divisor = number_of(b)
    return number_of(a) / divisor if divisor != 0 else None


def _remainder(a: Any, b: Any) -> float | None:
    divisor = number_of(b)
    return number_of(a) % divisor if divisor != 0 else None


def _product(values: Sequence[Any]) -> float:
    product: float = 1
    for value in values:
        product *= number_of(value)
        if isinstance(product, int) and product.bit_length() > _WIDEST:
            raise RuleTooCostly
    return product


def _merged(values: Sequence[Any]) -> list[Any]:
    merged = list(chain.from_iterable(value if isinstance(value, list) else (value,) for value in values))
    if len(merged) > LONGEST_LIST:
        raise RuleTooCostly
    return merged


def _substr(text: Any, start: Any, length: Any) -> str:
    whole, first = text_of(text), number_of(start)
    size = len(whole)
    if math.isnan(first):
        first = 0
    elif first < 0:
        first = 0 if -first >= size else size - int(-first)
    else:
        first = min(int(first), size)
    if length is None:
        return whole[first:]
    count = number_of(length)
    if math.isnan(count):
        return ""
    end = size + int(count) if int(count) < 0 else first + int(count)
    return whole[first : max(first, end)]


FIXED: dict[str, tuple[Callable[..., Any], int]] = {
    "==": (loosely_equal, 2),
    "!=": (lambda a, b: not loosely_equal(a, b), 2),
    "===": (operator.eq, 2),
    "!==": (operator.ne, 2),
    "<": (_ordering(operator.lt), 3),
    "<=": (_ordering(operator.le), 3),
    ">": (_ordering(operator.gt), 3),
    ">=": (_ordering(operator.ge), 3),
    "!": (lambda value: not truthy(value), 1),
    "!!": (truthy, 1),
    "in": (_contains, 2),
    "-": (_minus, 2),
    "/": (_divided, 2),
    "%": (_remainder, 2),
    "substr": (_substr, 3),
}
"""Operators with a number of arguments: missing ones are null, further ones are ignored."""

VARIADIC: dict[str, Callable[[list[Any]], Any]] = {
    "+": lambda values: reduce(operator.add, map(number_of, values), 0),  # `sum` adds otherwise since Python 3.12
    "*": _product,
    "min": lambda values: min(map(number_of, values)) if values else math.nan,
    "max": lambda values: max(map(number_of, values)) if values else math.nan,
    "cat": lambda values: cat([text_of(value) for value in values]),
    "merge": _merged,
}
"""Operators that take any number of arguments."""

PREDICATES = frozenset({"==", "!=", "===", "!==", "<", "<=", ">", ">=", "!", "!!", "in"})
"""Operators that give true or false and nothing else."""
