"""Inside a rule an address becomes a text of fixed width, octets as decimals and the rest as hexadecimal digits.

flagd's language cannot split a text, so its fields are taken from the front one by one and put behind it padded. What
gives no such text gives one that `is_octets` and `is_hexadecimal` refuse. Evaluators differ on a part that lies beyond
a text's end, on texts of what is none, and have no operators of flagd's own in iterations: nothing here depends on it.
"""

from collections.abc import Sequence
from itertools import combinations_with_replacement
from typing import Final

from domain.json_value import Json

CURRENT: Final[Json] = {"var": "current"}
_SO_FAR: Final[Json] = {"var": "accumulator"}
_NO_ADDRESS: Final = "-"
_GAP: Final = "."
"""Stands for the zeros that `::` hides; no address that has fields between colons only holds it itself."""
_OCTET, _HEXTET, _DIGITS = 3, 4, 32
_OCTETS: Final = f",{','.join(f'{octet:03}' for octet in range(256))},"
_PAIRS: Final = "".join(a if a == b else a + b for a, b in combinations_with_replacement("0123456789abcdef", 2)) + "0"
"""Every pair of hexadecimal digits stands in it, and nothing else of two characters."""


def let(value: Json, body: Json) -> Json:
    """The body, in which CURRENT is the value: worked out once, and a list as it is."""
    return {"reduce": [{"merge": [[value]]}, body, False]}


def part(text: Json, start: Json, length: Json = None) -> Json:
    return {"substr": [text, start] if length is None else [text, start, length]}


def starts(text: Json, beginning: str) -> Json:
    return _equal(part(text, 0, len(beginning)), beginning)


def is_text(value: Json) -> Json:
    """What may not be written as a text is told before: null as false, arrays and objects as unequal to themselves."""
    same = [{"===": [value, each]} for each in (value, {"cat": [value]})]
    return {"and": [value, {"!==": [value, True]}, *same]}


def octets(quad: Json) -> Json:
    """Twelve digits for a dotted quad."""
    return _reduced([{"cat": [quad, "."]}, 1, 1, 1, 1], _taken(".", _OCTET))


def is_octets(text: Json, start: int) -> Json:
    """Whether four octets of three digits stand in the text from there on."""
    parts = [part(text, start + place * _OCTET, _OCTET) for place in range(4)]
    return {"all": [{"merge": parts}, {"in": [{"cat": [",", {"var": ""}, ","]}, _OCTETS]}]}


def hextets(text: Json) -> Json:
    """32 digits for fields between colons, and something behind them.

    Eight fields are taken in eight steps, a gap among them; then it is looked for where it may stand.
    """
    first = {"if": [starts(text, "::"), "0", starts(text, ":"), _NO_ADDRESS, ""]}
    last = {"if": [_ends(text, "::"), "0:", _ends(text, ":"), f"{_NO_ADDRESS}:", ":"]}
    steps = [_DIGITS] * 8 + list(range(_HEXTET, _DIGITS, _HEXTET))
    missing = part({"cat": ["0" * _DIGITS, part(_SO_FAR, {"+": [CURRENT, 1]})]}, {"-": [CURRENT, _DIGITS]})
    filled = {"cat": [part(_SO_FAR, 0, CURRENT), missing]}
    body = [
        {"<": [CURRENT, _DIGITS]}, {"if": [_equal(part(_SO_FAR, CURRENT, 1), _GAP), filled, _SO_FAR]},
        {"!": [{"in": [":", _SO_FAR]}]}, _SO_FAR,
        _equal(part(_SO_FAR, 0, 1), ":"), {"cat": [part(_SO_FAR, 1), _GAP]},
    ]  # fmt: skip
    found = _reduced([{"cat": [first, text, last]}, *steps], [*body, *_taken(":", _HEXTET)])
    return {"cat": [found, _NO_ADDRESS * _DIGITS]}


def is_hexadecimal(text: Json) -> Json:
    """Whether the text begins with 32 hexadecimal digits."""
    parts = [part(text, start, 2) for start in range(0, _DIGITS, 2)]
    return {"all": [{"merge": parts}, {"in": [{"var": ""}, _PAIRS]}]}


def _ends(text: Json, end: str) -> Json:
    return _equal(part(text, -len(end)), end)


def _equal(value: Json, other: Json) -> Json:
    return {"==": [value, other]}


def _reduced(items: Sequence[Json], clauses: Sequence[Json]) -> Json:
    """The first item is the text to begin with: what a reduce begins with itself is not evaluated."""
    return {"reduce": [{"merge": list(items)}, {"if": [_equal(_SO_FAR, ""), CURRENT, *clauses]}, ""]}


def _taken(separator: str, width: int) -> list[Json]:
    """Clauses that take one field of up to so many characters, without zeros before it, and put it behind the text."""
    clauses: list[Json] = []
    for length in range(1, width + 1):
        padded = ["0" * (width - length)] * (length < width) + [part(_SO_FAR, 0, length)]
        clauses += [_equal(part(_SO_FAR, length, 1), separator), {"cat": [part(_SO_FAR, length + 1), *padded]}]
        if length == 1:
            clauses += [_equal(part(_SO_FAR, 0, 1), "0"), _NO_ADDRESS]
    return [*clauses, _NO_ADDRESS]
