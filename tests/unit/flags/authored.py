"""An authored flag, and what clients are given by what is published of it."""

from typing import Any

import pytest

from domain.errors import Invalid
from domain.flags import Bucketing, FlagSet, compile_flag_set, parse_definition
from domain.flags.publishing import published

FLAG: dict[str, Any] = {"state": "ENABLED", "variants": {"on": "N", "off": "F", "blue": "B"}}
BASKET: dict[str, Any] = {
    "state": "ENABLED", "variants": {"new": 2, "old": 1},
    "authoring": {"targets": {"new": ["ann", "bob", "zoe"]}, "serve": "old"},
}  # fmt: skip
SEGMENTS: dict[str, Any] = {
    "beta": {
        "segment": {
            "description": "who helps us", "owner": "shop", "include": ["ivy"], "exclude": ["eve"],
            "when": {"attribute": "email", "endsWith": ["@example.com"]},
        }
    }
}  # fmt: skip


def authored(**authoring: Any) -> dict[str, Any]:
    return {**FLAG, "authoring": authoring}


def compiled(definition: Any, evaluators: Any) -> FlagSet:
    flags, shared = published({"f": definition, "basket": BASKET}, evaluators or {}, Bucketing.V3)
    return compile_flag_set(flags, revision=1, now=lambda: 0.0, evaluators=shared)


def served(definition: Any, evaluators: Any = None, **context: Any) -> Any:
    return compiled(definition, evaluators).evaluate("f", context).variant


def holds(when: Any, **context: Any) -> bool:
    definition = authored(rules=[{"when": when, "serve": "on"}], serve="off")
    parse_definition(definition)
    return bool(served(definition, **context) == "on")


def faults_of(definition: Any, **evaluators: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as refusal:
        parse_definition(definition, evaluators=evaluators)
    return {fault.path: fault.message for fault in refusal.value.faults}
