"""The page of operators is written from the examples that the tests evaluate."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).parents[1] / "tests" / "contract" / "flags" / "operators.json"
INTRODUCTION = (
    "A rule is JSON: an object with one operator and its arguments, which are rules again; anything else stands for "
    "itself. The operators are those of JsonLogic and of flagd, and two that stand only where people write. Arguments "
    "that an operator cannot use are no error: flagd's own give null for them, arithmetic gives NaN, which counts as "
    "false, and what is no array has no items. A rule of a flag gives the name of a variant; null is the default "
    "variant.\n\n"
    "What stands in the tables is evaluated by the tests, here, over OFREP, by flagd's provider and by the Python "
    "client. Where evaluators of others differ is [listed](../explanation/flag-evaluators.md)."
)


def page() -> str:
    """The body, below its title."""
    groups = json.loads(VECTORS.read_text(encoding="utf-8"))["groups"]
    return "\n\n".join([INTRODUCTION, *(part for group in groups for part in _group(group))])


def _group(group: dict[str, Any]) -> Iterator[str]:
    yield f"## {group['heading']}"
    for operator in group["operators"]:
        yield "### " + ", ".join(f"`{name}`" for name in operator["names"])
        yield operator["says"]
        for example in operator["examples"]:
            yield _example(example)


def _example(example: dict[str, Any]) -> str:
    of = f" (bucketing {example['bucketing']})" if "bucketing" in example else ""
    rows = [f"| {_code(row['context'])} | {_code(row['gives'])} |" for row in example["rows"]]
    return "\n".join([f"{_code(example['rule'])}{of}", "", "| context | gives |", "| --- | --- |", *rows])


def _code(value: Any) -> str:
    return f"`{json.dumps(value, ensure_ascii=False)}`"
