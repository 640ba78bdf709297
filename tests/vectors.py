"""Rules, contexts and outcomes that are written down, as one document of flags for each bucketing."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from domain.flags import Bucketing
from domain.flags.publishing import published

FOLDER = Path(__file__).parent / "contract" / "flags"


@dataclass(frozen=True)
class Vectors:
    """Definitions and types by key, and what each flag gives for some contexts."""

    evaluators: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    flags: dict[str, Any] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    cases: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def published(self, bucketing: Bucketing) -> dict[str, Any]:
        """The document as clients get it."""
        flags, shared = published(self.flags, self.evaluators, bucketing)
        return {"$evaluators": dict(shared), "metadata": self.metadata, "flags": dict(flags)}

    @property
    def document(self) -> dict[str, Any]:
        return {"$evaluators": self.evaluators, "metadata": self.metadata, "flags": self.flags}


@cache
def vectors(bucketing: str) -> Vectors:
    """All files but for what is of the other bucketing."""
    made = Vectors()
    for path in sorted(FOLDER.glob("*.json")):
        part = json.loads(path.read_text(encoding="utf-8"))
        made.evaluators.update(part.get("evaluators", {}))
        made.metadata.update(part.get("metadata", {}))
        for key, flag in (*part.get("flags", {}).items(), *_rows(path.stem, examples(part))):
            if flag.get("bucketing", bucketing) == bucketing:
                made.flags[key], made.types[key] = flag["definition"], flag["type"]
                made.cases.extend((key, case) for case in flag["cases"])
    return made


def examples(part: dict[str, Any]) -> list[dict[str, Any]]:
    """Rules with what they give, of a file or of the operators in it."""
    of_operators = [
        each for group in part.get("groups", ()) for operator in group["operators"] for each in operator["examples"]
    ]
    return [*part.get("examples", ()), *of_operators]


def _rows(name: str, rules: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each rule as a flag with a variant for each of the values that it gives."""
    for place, example in enumerate(rules):
        values: list[Any] = []
        values.extend(row["gives"] for row in example["rows"] if row["gives"] not in values)
        chosen = [
            each
            for number, value in enumerate(values)
            for each in ({"===": [example["rule"], value]}, f"value-{number}")
        ]
        flag = {
            "state": "ENABLED",
            "variants": {f"value-{number}": json.dumps(value) for number, value in enumerate(values)},
            "targeting": {"if": chosen},
        }
        cases = [_case(row, values) for row in example["rows"]]
        yield f"{name}-{place}", {**example, "type": "string", "definition": flag, "cases": cases}


def _case(row: dict[str, Any], values: list[Any]) -> dict[str, Any]:
    number = values.index(row["gives"])
    value = json.dumps(values[number])
    return {"context": row["context"], "reason": "TARGETING_MATCH", "value": value, "variant": f"value-{number}"}
