"""Conditions are put together with `and`, `or` and `!`, and what is always true or always false goes on the way."""

from collections.abc import Sequence

from domain.json_value import Json


def every(rules: Sequence[Json]) -> Json:
    """All of them hold; nothing to hold is true."""
    kept = [rule for rule in rules if rule is not True]
    if any(rule is False for rule in kept):
        return False
    return _joined("and", kept) if kept else True


def either(rules: Sequence[Json]) -> Json:
    """One of them holds; none to hold is false."""
    kept = [rule for rule in rules if rule is not False]
    if any(rule is True for rule in kept):
        return True
    return _joined("or", kept) if kept else False


def _joined(operator: str, rules: list[Json]) -> Json:
    return rules[0] if len(rules) == 1 else {operator: rules}


def negated(rule: Json) -> Json:
    return not rule if isinstance(rule, bool) else {"!": [rule]}


def present(value: Json) -> Json:
    return {"!==": [value, None]}


def number(value: Json) -> Json:
    """It is one: only of a number its conversion is the same."""
    return {"===": [value, {"+": [value]}]}
