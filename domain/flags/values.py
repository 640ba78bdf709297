"""JSON values compare, convert and count as true the way flagd's reference evaluator has it."""

from collections.abc import Sequence
from typing import Any

_NUMBER = (int, float)
_CONTAINER = (list, dict)
_NAN = float("nan")
_DIGITS = 15
_INFINITIES = frozenset({"inf", "-inf", "+inf"})

LONGEST_TEXT = 100_000
"""Characters that one conversion to text may give: a rule can double a text in every step."""


class RuleTooCostly(Exception):
    """The rule asked for more work or more memory than one evaluation may use."""


def truthy(value: Any) -> bool:
    """JsonLogic truth: unlike in Python an empty object counts as true and NaN as false."""
    if isinstance(value, float):
        return value == value and value != 0.0  # noqa: PLR0124  NaN is the only number unequal to itself
    return True if isinstance(value, dict) else bool(value)


def number_of(value: Any) -> float:
    """The number that `value` stands for; NaN where it stands for none."""
    if isinstance(value, _NUMBER):
        return value
    if value is None:
        return 0
    if isinstance(value, list):
        return number_of(value[0]) if len(value) == 1 else (_NAN if value else 0)
    if not isinstance(value, str) or value.strip().lower() in _INFINITIES:
        return _NAN
    try:
        return float(value)
    except ValueError:
        return _NAN


def text_of(value: Any) -> str:
    """The text that `value` stands for; `RuleTooCostly` when it is longer than `LONGEST_TEXT`."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, int):
        return str(value)  # the reference writes True and False like this, so we do
    if value is None:
        return "null"
    return _joined(value) if isinstance(value, list) else "[object Object]"


def _joined(items: list[Any]) -> str:
    text, comma = "", ""
    for item in items:
        text += comma + text_of(item)
        comma = ","
        if len(text) > LONGEST_TEXT:
            raise RuleTooCostly
    return text


def cat(texts: Sequence[str]) -> str:
    if sum(map(len, texts)) > LONGEST_TEXT:
        raise RuleTooCostly
    return "".join(texts)


def loosely_equal(a: Any, b: Any) -> bool:
    """`==` of JsonLogic; two arrays or two objects are equal only when they are the same one."""
    if type(a) is type(b):
        return a is b if isinstance(a, _CONTAINER) else bool(a == b)
    if isinstance(a, _NUMBER) or isinstance(b, _NUMBER):
        return number_of(a) == number_of(b)
    if isinstance(a, str) and isinstance(b, _CONTAINER):
        return a == text_of(b)
    if isinstance(b, str) and isinstance(a, _CONTAINER):
        return text_of(a) == b
    return False


def comparable(a: Any, b: Any) -> tuple[Any, Any]:
    """The pair as it is ordered: as numbers when one is a number, else as texts when one is a text."""
    if isinstance(a, _NUMBER) or isinstance(b, _NUMBER):
        return number_of(a), number_of(b)
    if isinstance(a, str) or isinstance(b, str):
        return text_of(a), text_of(b)
    return number_of(a), number_of(b)


def look_up(scope: Any, key: Any, default: Any = None) -> Any:
    """The value at the dotted path `key` in `scope`; the scope itself for None and the empty text."""
    if key is None or key == "":
        return scope
    if isinstance(key, _NUMBER):
        return _at_number(scope, key, default)
    for step in text_of(key).split("."):
        if isinstance(scope, dict):
            scope = scope.get(step)
        elif isinstance(scope, list | str):
            if step == "length":
                return len(scope)
            if not _names_place(step, scope):
                return default
            scope = scope[int(step)]
        else:
            return default
    return default if scope is None else scope


def _at_number(scope: Any, key: float, default: Any) -> Any:
    if not isinstance(scope, list | str) or not 0 <= key < len(scope) or key != int(key):
        return default
    return scope[int(key)]


def _names_place(step: str, sequence: Sequence[Any]) -> bool:
    """True when `step` is an index of `sequence` in its only spelling: no sign, no leading zero."""
    if not step.isascii() or not step.isdigit() or len(step) > _DIGITS:
        return False
    return step == str(int(step)) and int(step) < len(sequence)
