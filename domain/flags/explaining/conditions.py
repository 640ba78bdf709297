"""A condition is said in words with the values that it met, so that what is said is true whether it held or not."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from domain.flags.explaining.steps import CONNECTIVES, STOPPED_BY, Step

_LONGEST: Final = 60
_MOST_PARTS: Final = 4
_SIGNS: Final = frozenset({"<", "<=", ">", ">="})
_NEGATIONS: Final = frozenset({"!", "!!"})


def statement(step: Step) -> str:
    """What is true of this step: that it held, or that it did not."""
    held = step.held
    if step.written is not None:
        return f"{step.written} {'holds' if held else 'does not hold'}"
    if step.operator in CONNECTIVES:
        return _connected(step)
    if step.operator in _NEGATIONS and step.steps:
        return statement(step.steps[0])
    if step.refers_to is not None:
        return f"`{step.refers_to}` {'holds' if held else 'does not hold'}"
    if step.operator == "var":
        return f"{_name(step)} is {_value_of(step)}"
    compared = _COMPARED.get(step.operator or "")
    if compared is not None and len(step.steps) == 2:  # noqa: PLR2004  both sides
        return compared(*step.steps, held)
    return _other(step, held=held)


def value_text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _connected(step: Step) -> str:
    """What it was stopped by, or all that it looked at."""
    looked_at = [each for each in step.steps if each.looked_at]
    stopped = step.held is STOPPED_BY[step.operator or ""]
    told = list(dict.fromkeys(statement(each) for each in (looked_at[-1:] if stopped else looked_at)))
    more = len(told) - _MOST_PARTS
    return " and ".join(told if more <= 0 else [*told[:_MOST_PARTS], f"{more} more"])


def _other(step: Step, *, held: bool) -> str:
    if step.operator in _SIGNS and len(step.steps) > 1:
        first, *others = map(_subject, step.steps)
        compared = f" {step.operator} ".join(others)
        return f"{first} {'' if held else 'is not '}{step.operator} {compared}"
    if step.operator == "sem_ver" and len(step.steps) == 3:  # noqa: PLR2004  both versions and the sign
        left, sign, right = step.steps
        return f"{_subject(left)} {'' if held else 'is not '}{value_text(sign.result)} {value_text(right.result)}"
    if step.operator is None:
        return f"{value_text(step.result)} is {'true' if held else 'false'}"
    return f"{step.operator} gives {value_text(step.result)}"


def _name(step: Step) -> str:
    """Of a variable: the item of an iteration has none."""
    name = step.steps[0].result if step.steps else None
    return value_text(name) if isinstance(name, str) and name else "the item"


def _value_of(step: Step) -> str:
    return "absent" if step.result is None else value_text(step.result)


def _subject(step: Step) -> str:
    """A variable by name and value, anything else by its value."""
    if step.operator != "var":
        return value_text(step.result)
    return f"{_name(step)} ({_value_of(step)})"


def _equal(left: Step, right: Step, held: bool) -> str:  # noqa: FBT001  as all of them are called
    if right.operator == "var" and left.operator != "var":
        left, right = right, left
    name = _name(left) if left.operator == "var" else value_text(left.result)
    value = "absent" if right.result is None and left.operator == "var" else value_text(right.result)
    return f"{name} is {value}" if held else f"{_subject(left)} is not {value}"


def _unequal(left: Step, right: Step, held: bool) -> str:  # noqa: FBT001  as all of them are called
    return _equal(left, right, not held)


def _contained(left: Step, right: Step, held: bool) -> str:  # noqa: FBT001  as all of them are called
    if isinstance(right.result, list):
        if len(right.result) == 1:
            return _equal(left, right.steps[0], held) if right.steps else _equal(left, right, held)
        among = ", ".join(map(value_text, right.result))
        return f"{_subject(left)} is {'' if held else 'not '}one of {value_text(among)}"
    return f"{_subject(right)} {'contains' if held else 'does not contain'} {value_text(left.result)}"


def _edge(verb: str, negated: str) -> Callable[[Step, Step, bool], str]:
    return lambda left, right, held: f"{_subject(left)} {verb if held else negated} {value_text(right.result)}"


_COMPARED: Final[Mapping[str, Callable[[Step, Step, bool], str]]] = {
    "==": _equal,
    "===": _equal,
    "!=": _unequal,
    "!==": _unequal,
    "in": _contained,
    "starts_with": _edge("starts with", "does not start with"),
    "ends_with": _edge("ends with", "does not end with"),
}
