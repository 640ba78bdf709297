"""An expression is CEL over `settings["a.b"]` alone: it says what it reads, ends soon, and stays as true as it is.

The language is Google's Common Expression Language (https://github.com/google/cel-spec). What could make an expression
grow or waver is left out: a loop or a sum within a loop, `map`, loops over objects (their members have no order), and
patterns (they are compiled each time). Its size is bounded before the parser sees it.
"""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from domain.canonical import Json
from domain.settings.tokens import Token, Tokens, keys_of, loops_of, reads_of, token_faults, tokens_of

if TYPE_CHECKING:
    from cel.cel import Program

MOST_SOURCE_BYTES = 4 * 1024
MOST_READ_BYTES = 16 * 1024
"""Of all values that one expression reads, as JSON."""
MOST_WORK = 400_000
"""Words and items that one evaluation comes by, as `_work` counts them: it cannot be interrupted, and nothing else of
the process goes on meanwhile. None was seen that took more than a tenth of a microsecond for each.
"""
LARGEST_EXACT = 2**53 - 1
"""The largest integer that every reader of JSON holds exactly (RFC 8259 section 6)."""
_BYTES_AS_ONE = 64
"""So many bytes of a text are compared or copied while one item is."""
_REMEMBERED = 512

Written = tuple[tuple[str, str], ...]
"""Keys, in their order, each with its value as JSON."""

_OPERATORS = frozenset(
    {"_+_", "_-_", "_*_", "_/_", "_%_", "-_", "!_", "_&&_", "_||_", "_?_:_", "_[_]", "@in", "@not_strictly_false"}
    | {"_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_"}
)
_FUNCTIONS = frozenset(
    {"size", "contains", "startsWith", "endsWith", "int", "double", "string", "timestamp", "duration"}
)
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (LookupError, "it reads something that is not there"),
    (TypeError, "it puts values together that do not go together"),
    (ArithmeticError, "its arithmetic has no result"),
)
_WHERE = re.compile(r"ERROR: <input>:(\d+):(\d+): (?:Syntax error: )?([^\n]{1,120})")


def expression_messages(source: Json) -> list[str]:
    """Why this is no expression that a rule may have; empty where it is one."""
    if not isinstance(source, str) or not source.strip():
        return ["expected a CEL expression"]
    if len(source) > MOST_SOURCE_BYTES or len(source.encode(errors="replace")) > MOST_SOURCE_BYTES:
        return [f"expected at most {MOST_SOURCE_BYTES} bytes"]
    tokens = tokens_of(source)
    if tokens is None:
        return ["expected a CEL expression, in which texts stand in single or double quotes, without a letter before"]
    return token_faults(tokens, _FUNCTIONS) or _compiled_messages(source, tokens)


def keys_read(source: str) -> frozenset[str]:
    """The keys that an expression without faults reads, or asks for with `in`."""
    return keys_of(tokens_of(source) or ())


def objection(source: str, values: Mapping[str, Json]) -> str | None:
    """None where the expression is true of these values, else why it is not; never with a value in the sentence."""
    try:
        written = tuple((key, _written(values[key])) for key in sorted(values))
    except (TypeError, ValueError, RecursionError):
        return "it cannot be worked out"
    return _objection(source, written)


@lru_cache(maxsize=_REMEMBERED)
def _objection(source: str, written: Written) -> str | None:
    """Remembered, because most scopes below one that changes have the same values as their neighbours."""
    tokens = tokens_of(source) or ()
    values = {key: json.loads(text) for key, text in written}
    for loop in loops_of(tokens):
        if isinstance(values.get(loop.key), dict):
            return f"it goes through {loop.key}, which is not a list"
    if sum(len(text.encode()) for _, text in written) > MOST_READ_BYTES or _work(tokens, written) > MOST_WORK:
        return "it has more to read than an expression may"
    try:
        answer = _program(source).execute({"settings": values})
    except Exception as fault:  # noqa: BLE001 - whatever the evaluation ends with, the rule was not kept
        return next((text for kind, text in _REASONS if isinstance(fault, kind)), "it cannot be worked out")
    if answer is True:
        return None
    return "it is not true" if answer is False else "its result is neither true nor false"


def _written(value: Json) -> str:
    text = json.dumps(value, allow_nan=False, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    if json.loads(text, parse_int=_exact) != value:
        raise ValueError
    text.encode()
    return text


def _exact(digits: str) -> int:
    number = int(digits)
    if abs(number) > LARGEST_EXACT:
        raise ValueError
    return number


def _work(tokens: Tokens, written: Written) -> int:
    """At most: a reading comes by the whole value, a sum copies all before it, and so does each step of a filter."""
    weights = {key: 1 + sum(map(text.count, ",[{")) + len(text) // _BYTES_AS_ONE for key, text in written}
    sums = 1 + sum(token.text == "+" for token in tokens)
    work = len(tokens) + sums * sum(weights.get(key, 0) for key in reads_of(tokens))
    for loop in loops_of(tokens):
        steps = weights.get(loop.key, 0)
        step = len(loop.body) + sum(weights.get(key, 0) for key in reads_of(loop.body))
        work += steps * (step + steps if loop.copies else step)
    return work


def _compiled_messages(source: str, tokens: tuple[Token, ...]) -> list[str]:
    try:
        program = _program(source)
    except Exception as fault:  # noqa: BLE001 - the parser's own words are the message, whatever its class
        found = _WHERE.search(str(fault))
        return [f"line {found[1]}, column {found[2]}: {found[3]}" if found else "expected a CEL expression"]
    known = {token.text for token in tokens}
    return [
        *(f"unknown variable {name}" for name in program.variables() if name not in known),
        *(f"unknown function {name}" for name in program.functions() if name not in _FUNCTIONS | _OPERATORS),
    ]


@lru_cache(maxsize=1_024)
def _program(source: str) -> "Program":
    from cel.cel import compile as compiled  # with a terminal program in its package: loaded when a rule needs it

    return compiled(source)
