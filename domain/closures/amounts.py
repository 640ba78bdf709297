"""Amounts are exact: a sum that would have to be rounded is an error, never a little wrong."""

import re
from collections.abc import Iterable
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow

_AMOUNT = re.compile(r"-?[0-9]{1,100}(\.[0-9]{1,50})?")
_EXACT = Context(prec=400, traps=[Inexact, InvalidOperation, Overflow])


def amount(raw: object) -> Decimal:
    """Of a text, as "-10.05", or of a whole number; ValueError for all else, a binary fraction too."""
    if isinstance(raw, int | str) and not isinstance(raw, bool) and _AMOUNT.fullmatch(str(raw)):
        return Decimal(raw)
    raise ValueError("an amount in digits")


def total(amounts: Iterable[Decimal]) -> Decimal:
    found = Decimal(0)
    for each in amounts:
        found = _EXACT.add(found, each)
    return found


def less(one: Decimal, other: Decimal) -> Decimal:
    return _EXACT.subtract(one, other)


def negative(of: Decimal) -> Decimal:
    """Its sign alone is changed: a minus would round to 28 digits."""
    return of.copy_negate() if of else of


def told(of: Decimal) -> str:
    """The one text of an amount: no exponent, no zeros behind, no negative nothing."""
    text = format(of, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
