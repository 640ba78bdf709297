"""An expression is CEL over `settings["a.b"]` alone: it says what it reads, ends soon, and stays as true as it is.

The language is Google's Common Expression Language (https://github.com/google/cel-spec). What could make an expression
grow or waver is left out: a loop or a sum within a loop, `map`, loops over objects (their members have no order), and
patterns (they are compiled each time). Its size is bounded before the parser sees it.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from domain.canonical import Json, canonical_bytes
from domain.settings.tokens import Token, keys_of, loops_of, token_faults, tokens_of

if TYPE_CHECKING:
    from cel.cel import Program

MOST_SOURCE_BYTES = 4 * 1024
MOST_READ_BYTES = 16 * 1024
"""Of all values that one expression reads, as JSON."""
MOST_WORK = 50_000_000
"""Words of the expression, times bytes that it reads, times items of the longest list that it loops over."""

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
    tokens = tokens_of(source) or ()
    steps = 1
    for key in sorted(loops_of(tokens)):
        looped = values.get(key)
        if isinstance(looped, dict):
            return f"it goes through {key}, which is not a list"
        steps = max(steps, len(looped) if isinstance(looped, list) else 1)
    try:
        size = len(canonical_bytes(dict(values)))
        if size > MOST_READ_BYTES or len(tokens) * size * steps > MOST_WORK:
            return "it has more to read than an expression may"
        answer = _program(source).execute({"settings": dict(values)})
    except Exception as fault:  # noqa: BLE001 - whatever the evaluation ends with, the rule was not kept
        return next((text for kind, text in _REASONS if isinstance(fault, kind)), "it cannot be worked out")
    if answer is True:
        return None
    return "it is not true" if answer is False else "its result is neither true nor false"


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
