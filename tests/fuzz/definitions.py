"""Definitions and contexts that a fuzzer grows from bytes are refused with faults, or evaluate and nothing is raised.

`make fuzz minutes=10` runs it. Whatever it finds belongs into the vectors, or into the tests of what is refused.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

atheris = import_module("atheris")  # it is in an environment of its own

with atheris.instrument_imports(include=["domain"]):
    from domain.errors import Invalid
    from domain.flags import Bucketing, Evaluation, compile_flag_set, parse_definition, parse_evaluators
    from domain.flags.jsonlogic import OPERATORS

NAMES = ("a", "b", "true", "1")
WORDS = (
    *(
        "a",
        "b",
        "",
        "1",
        "1.2.3",
        "v1-rc.1",
        "=",
        "^",
        "x.0.length",
        "$flagd",
        "$flagd.timestamp",
        "targetingKey",
        "length",
    ),
    *(
        "accumulator",
        "current",
        "shared",
        "\ud800",
        "é",
        "\U0001f600",
        "inf",
        "nan",
        "0" * 400,
        "x" * 10_001,
        "__class__",
    ),
)
NUMBERS = (0, 1, -1, -0.0, 0.5, 1e308, float("nan"), float("inf"), 2**31, 2**53, -(2**64), 10**400, 1e-320)
OPERATOR_NAMES = (*sorted(OPERATORS), "$ref", "$flag", "ip_range", "unknown")
FIELDS = ("state", "variants", "defaultVariant", "targeting", "metadata", "authoring", "more")
DEEPEST = 8


class Grown:
    """JSON from bytes, valid for the most part: a byte decides at each branch."""

    def __init__(self, data: bytes) -> None:
        self._from = atheris.FuzzedDataProvider(data)

    def below(self, count: int) -> int:
        return int(self._from.ConsumeIntInRange(0, count - 1))

    def one(self, among: Any) -> Any:
        return among[self.below(len(among))]

    def scalar(self) -> Any:
        kinds: tuple[Callable[[], Any], ...] = (
            lambda: self.one(NAMES),
            lambda: self.one(WORDS),
            lambda: self._from.ConsumeIntInRange(-100, 100),
            lambda: self.one(NUMBERS),
            lambda: self.one((None, True, False)),
            lambda: self._from.ConsumeUnicode(8),
            self._from.ConsumeFloat,
        )
        return self.one(kinds)()

    def value(self, depth: int = 0) -> Any:
        """Any JSON."""
        kind = self.below(8) if depth < DEEPEST else 0
        if kind == 6:
            return [self.value(depth + 1) for _ in range(self.below(4))]
        if kind == 7:
            return {str(self.scalar()): self.value(depth + 1) for _ in range(self.below(4))}
        return self.scalar()

    def rule(self, depth: int = 0) -> Any:
        kind = self.below(16) if depth < DEEPEST else 0
        if kind == 0:
            return self.scalar()
        if kind == 1:
            return self.value(depth + 1)
        if kind == 2:
            return {"var": self.one(WORDS)}
        if kind == 3:
            return [self.rule(depth + 1) for _ in range(self.below(4))]
        arguments = [self.rule(depth + 1) for _ in range(self.below(5))]
        return {self.one(OPERATOR_NAMES): arguments if self.below(8) else self.rule(depth + 1)}

    def definition(self) -> Any:
        if self.below(32) == 0:
            return self.value()
        values = self.one(((True, False), ("x", ""), (1, 2**53 - 1), (0.5, 1), ({}, {"a": [1]})))
        made: dict[str, Any] = {
            "state": "ENABLED" if self.below(16) else self.value(),
            "variants": {name: self.one(values) for name in NAMES},
            "targeting": self.rule(),
        }
        for _ in range(self.below(8) // 5):  # what is left when the bytes are used up is 0
            made[self.one(FIELDS)] = self.value()
        return made


def check(data: bytes) -> None:
    """Raise what must not be raised."""
    grown = Grown(data)
    raw, rules = grown.definition(), {"shared": grown.rule()}
    try:
        shared = parse_evaluators(rules)
    except Invalid:
        shared = {}
    try:
        stored = parse_definition(raw, evaluators=shared).canonical
        assert parse_definition(stored, evaluators=shared).canonical == stored
    except Invalid:
        stored = raw
    context = {name: grown.value() for name in (*WORDS[:4], "targetingKey", "x")}
    for bucketing in Bucketing:
        flags = compile_flag_set({"f": stored}, revision=1, now=lambda: 0.0, bucketing=bucketing, evaluators=shared)
        for asked in ({}, context, grown.value()):
            assert isinstance(flags.evaluate("f", asked), Evaluation)


if __name__ == "__main__":
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
