"""Where the evaluators of others may find something else, as docs/explanation/flag-evaluators.md lists it."""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.contract.visiting import Visit

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "flag-evaluators.md"
Applies = Callable[[Visit], bool]
_PLAIN_NUMBER = re.compile(r"[ \t\n]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t\n]*")
_CELLS = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True)
class Difference:
    """A line of the page: what this evaluator finds, and what the other one does."""

    id: str
    rule: Any
    context: dict[str, Any]
    here: str
    there: str


def listed(heading: str) -> list[Difference]:
    """The table below that heading."""
    part = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in _CELLS.split(line)[1:-1]] for line in part.splitlines() if line.startswith("|")]
    return [
        Difference(code(name), json.loads(code(rule)), json.loads(code(context)), code(here), code(there))
        for name, _, rule, context, here, there in rows[2:]
    ]


def code(cell: str) -> str:
    return cell.strip("`").replace("\\|", "|")


def applying(rows: Mapping[str, Applies], visits: Iterable[Visit]) -> set[str]:
    """The rows whose condition holds somewhere in an evaluation."""
    looked_at = [visit for visit in visits if visit.reached or visit.fixed or visit.inside]
    return {name for name, applies in rows.items() if any(map(applies, looked_at))}


def number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def numeric(value: Any) -> bool:
    """Everybody makes the same number of it."""
    if isinstance(value, str):
        return _PLAIN_NUMBER.fullmatch(value) is not None
    return value is None or (isinstance(value, int | float) and math.isfinite(value))


def float_of(value: Any) -> float:
    return float(value) if isinstance(value, str | int | float) else 0.0


def _infinite(visit: Visit) -> bool:
    numbers = visit.values[1:3] if visit.name == "substr" else ()
    return any(isinstance(each, float) and math.isinf(each) for each in numbers)


def _split_inside(visit: Visit) -> bool:
    return visit.inside and visit.name == "fractional" and not isinstance(visit.scope, dict)


def _three_for_var(visit: Visit) -> bool:
    return visit.name == "var" and len(visit.arguments) > 2


def _zero_for_python(visit: Visit) -> bool:
    if visit.name not in {"/", "%"}:
        return False
    divisor = [*visit.values, None, None][1]
    divisor = divisor[0] if isinstance(divisor, list) and len(divisor) == 1 else divisor
    return divisor is None or divisor == [] or (numeric(divisor) and not float_of(divisor))


PYTHON: dict[str, Applies] = {
    "zero": _zero_for_python,
    "infinity": _infinite,
    "split-inside": _split_inside,
    "var": _three_for_var,
}
