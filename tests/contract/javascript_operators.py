"""Where JsonLogic in JavaScript may find something else than ours, operator by operator."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from domain.flags.values import look_up, truthy
from tests.contract.flag_differences import float_of, number, numeric
from tests.contract.visiting import ARITHMETIC, Failed, Visit

CONTAINER = (list, dict)
ORDERS = frozenset({"<", "<=", ">", ">="})
LOOSE = frozenset({"==", "!="})
STRICT = frozenset({"===", "!=="})
LOGIC = frozenset({"if", "?:", "and", "or"})
TESTS = frozenset({"all", "some", "none", "filter"})
LOOPS = frozenset({*TESTS, "map", "reduce"})
OWN = frozenset({"fractional", "sem_ver", "starts_with", "ends_with"})


def written_alike(value: Any) -> bool:
    """Everybody writes it as the same text."""
    if isinstance(value, float):
        return (value == 0 and math.copysign(1, value) > 0) or (
            1e-4 <= abs(value) < 1e15 and (value.is_integer() or repr(value) == f"{value:.15g}")
        )  # fmt: skip
    if isinstance(value, list):
        return all(each is not None and not isinstance(each, list) and written_alike(each) for each in value)
    return not isinstance(value, bool | Failed)


def astral(value: Any) -> bool:
    return isinstance(value, str) and any(character > "\uffff" for character in value)


def _compared(visit: Visit) -> list[tuple[Any, Any]]:
    values = [*visit.values, None, None]
    pairs = [(values[0], values[1])]
    return [*pairs, (values[1], values[2])] if visit.name in ORDERS and values[2] is not None else pairs


def _texts(a: Any, b: Any) -> bool:
    return isinstance(a, str | None) and isinstance(b, str | None)


def not_a_number(visit: Visit) -> bool:
    if visit.name in ARITHMETIC:
        return not all(map(numeric, visit.values))
    if visit.name in ORDERS | LOOSE:
        return any(not _texts(a, b) and not (numeric(a) and numeric(b)) for a, b in _compared(visit))
    return False


def divided_by_zero(visit: Visit) -> bool:
    return (
        visit.name in {"/", "%"}
        and len(visit.values) > 1
        and numeric(visit.values[1])
        and not float_of(visit.values[1])
    )


def second_operand(visit: Visit) -> bool:
    """JavaScript examines, instead of the first operand, what it read last while it worked out another."""
    if visit.name not in LOOSE | ORDERS:
        return False
    rules = [each for each in visit.arguments[1:] if isinstance(each, list | dict) and "var" not in each]
    other = any(isinstance(each, str | None) or not numeric(each) for each in visit.values)
    return any(other or read is None or not numeric(read) for rule in rules for read in _read(rule, visit.scope))


def _read(rule: Any, scope: Any) -> Iterator[Any]:
    """Values that are read within a rule; a text where that is not easily told."""
    if isinstance(rule, list):
        for each in rule:
            yield from _read(each, scope)
    if not isinstance(rule, dict):
        return
    ((name, argument),) = rule.items()
    if name == "var":
        path = argument[0] if isinstance(argument, list) and argument else argument
        yield look_up(scope, path) if isinstance(path, str) else "unknown"
    elif name in LOOPS | LOOSE | STRICT | ORDERS | {"and", "or", "missing_some", "$ref"}:
        yield "unknown"
    else:
        yield from _read(argument, scope)


def remainder(visit: Visit) -> bool:
    if visit.name != "%" or len(visit.values) < 2 or not all(map(numeric, visit.values[:2])):
        return False
    a, b = map(float_of, visit.values[:2])
    return (a < 0) != (b < 0) and b != 0 and a % b != 0


def extremes(visit: Visit) -> bool:
    return visit.name in {"min", "max"} and (not visit.values or not all(map(number, visit.values)))


def argument_count(visit: Visit) -> bool:
    count = len(visit.arguments)
    if visit.name in LOOSE | STRICT | ORDERS | {"%", "/"}:
        return (
            count < 2
            or (count > 2 and visit.name not in ORDERS)
            or (count > 2 and None in visit.values[2:])
            or count > 3
        )
    if visit.name == "-":
        return count == 0 or count > 2 or (count == 2 and visit.values[1] is None)
    if visit.name in LOOPS:
        return count < 2 or visit.bare or (visit.name == "reduce" and count < 3)
    if visit.name == "substr":
        return count == 0 or (count > 2 and visit.values[2] is None)
    if visit.name in {"in", "!", "!!", "cat", "missing_some"}:
        return count == 0 or (visit.name in {"in", "missing_some"} and count < 2)
    return visit.name in LOGIC and visit.bare


def bare_list(visit: Visit) -> bool:
    taken = visit.name in ARITHMETIC | OWN | {"cat", "merge", "!", "!!", "in", "substr", "var", "missing_some"}
    if visit.name == "missing":
        return not visit.bare and bool(visit.values) and isinstance(visit.values[0], list)
    if visit.name in {"!", "!!"} and visit.values and isinstance(visit.values[0], list):
        return bool(visit.values[0]) and visit.values[0][0] in (None, False, 0, "", [], {})
    return taken and visit.bare and (isinstance(visit.values[0], list) or visit.name in ARITHMETIC - {"+", "-"})


def null_and_text(visit: Visit) -> bool:
    return visit.name in ORDERS and any(_texts(a, b) and (a is None) != (b is None) for a, b in _compared(visit))


def null_and_zero(visit: Visit) -> bool:
    pairs = _compared(visit) if visit.name in LOOSE else []
    return any(
        {type(a), type(b)} - {type(None)} and None in (a, b) and not a and not b and not _texts(a, b) for a, b in pairs
    )


def identical(visit: Visit) -> bool:
    if visit.name in STRICT:
        a, b = [*visit.values, None, None][:2]
        return _alike_here_only(a, b)
    if visit.name != "in" or len(visit.values) < 2 or not isinstance(visit.values[1], list):
        return False
    return any(_alike_here_only(visit.values[0], each) for each in visit.values[1])


def _alike_here_only(a: Any, b: Any) -> bool:
    """Equal in Python, and not the same to JavaScript."""
    return bool(a == b) and (isinstance(a, CONTAINER) or isinstance(a, bool) is not isinstance(b, bool))


def haystack(visit: Visit) -> bool:
    if visit.name != "in" or len(visit.values) < 2:
        return False
    needle, among = visit.values[:2]
    return needle in ("", []) if among == "" else _no_array(among) and not isinstance(among, str)


def _no_array(value: Any) -> bool:
    """JavaScript takes it for something, and it has no items."""
    return not isinstance(value, list) and (isinstance(value, dict) or truthy(value))


def items(visit: Visit) -> bool:
    return visit.name in LOOPS and bool(visit.values) and _no_array(visit.values[0])


def all_of_nothing(visit: Visit) -> bool:
    return (
        visit.name == "all"
        and bool(visit.values)
        and not isinstance(visit.values[0], list)
        and not truthy(visit.values[0])
    )


def written(visit: Visit) -> bool:
    if visit.name == "cat":
        return not all(map(written_alike, visit.values))
    if visit.name == "in" and len(visit.values) > 1 and isinstance(visit.values[1], str):
        return not written_alike(visit.values[0])
    return visit.name in LOOSE | ORDERS and any(isinstance(value, list) for value in visit.values)


def null_in_text(visit: Visit) -> bool:
    return visit.name == "cat" and None in visit.values


def joined(visit: Visit) -> bool:
    """JavaScript writes a choice into the sum without brackets."""
    choices = {"and", "or", "missing", "missing_some"}
    return visit.name == "cat" and any(isinstance(each, dict) and choices & each.keys() for each in visit.arguments)


def part(visit: Visit) -> bool:
    if visit.name != "substr":
        return False
    text, *numbers = visit.values or [None]
    return not isinstance(text, str) or not all(
        each is None or (number(each) and (math.isinf(each) or each == each // 1)) for each in numbers
    )


def characters(visit: Visit) -> bool:
    if visit.name == "substr":
        return any(map(astral, visit.values))
    if visit.name in ORDERS:
        return any(map(astral, visit.values))
    return visit.name == "var" and _counts(visit.values) and _any_astral(visit.scope)


def _counts(values: Sequence[Any]) -> bool:
    """Such a path may count characters, or pick one."""
    last = str(values[0]).rpartition(".")[2] if values else ""
    return last == "length" or last.isdigit()


def _any_astral(value: Any) -> bool:
    if isinstance(value, CONTAINER):
        return any(map(_any_astral, value if isinstance(value, list) else value.values()))
    return astral(value)
