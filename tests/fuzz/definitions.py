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
    from domain.flags.publishing import published

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
PEOPLE = ("ann", "bob", "x", "email", "é")
SPLITS = (
    *([["a", 50], ["b", 50]], [["a", 0.001], ["b", 99.999]], [["a", 0], ["1", 100]], [["true", 100]]),
    *([["a", 12.5], ["b", 37.5], ["1", 50]], [["a", 33.3], ["b", 33.3], ["1", 33.4]]),
)
NETWORKS = ("10.0.0.0/8", "192.0.2.1", "2001:db8::/29", "::/0", "::ffff:1.2.3.4", "0.0.0.0/1", "10.0.0.1/8", "a")
OTHER = {
    "state": "ENABLED",
    "variants": {"a": "a", "b": "b"},
    "defaultVariant": "a",
    "targeting": {"if": [{"var": "x"}, {"fractional": [{"var": "targetingKey"}, ["a", 1], ["b", 1]]}]},
}
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

    def odd(self) -> bool:
        """Now and then something else stands where it should not."""
        return self.below(96) == 1

    def listed(self, make: Callable[[], Any]) -> Any:
        return self.value() if self.odd() else [make() for _ in range(1 + self.below(3))]

    def word(self) -> Any:
        return self.one(WORDS) if self.odd() else self.one(PEOPLE)

    def variant(self) -> Any:
        return self.scalar() if self.odd() else self.one(NAMES)

    def condition(self, depth: int = 0) -> Any:
        kind = self.below(8) if depth < DEEPEST else 0
        if self.odd():
            return self.value(depth)
        if kind in {0, 1, 2, 3}:
            name = self.one(tuple(CONDITIONS))
            return {"attribute": self.word(), name: CONDITIONS[name](self)}
        if kind == 4:
            return {self.one(("all", "any")): self.listed(lambda: self.condition(depth + 1))}
        if kind == 5:
            return {"not": self.condition(depth + 1)}
        return {"segment": "shared"} if kind == 6 else {"rule": self.rule(depth + 1)}

    def served(self) -> Any:
        if self.below(2):
            return self.variant()
        split = self.listed(lambda: [self.variant(), self.scalar()]) if self.odd() else self.one(SPLITS)
        return {"split": split, "by": self.word()} if self.below(2) else {"split": split}

    def prerequisite(self) -> Any:
        return {"flag": "x" if self.odd() else "g", "variants": [self.one("ab")]}

    def authoring(self) -> Any:
        members: dict[str, Callable[[], Any]] = {
            "off": self.variant,
            "on": lambda: self.below(4) > 0,
            "force": lambda: {
                "attribute": self.word(), "off": self.listed(self.word), "on": {"a": self.listed(self.word)},
            },
            "prerequisites": lambda: self.listed(self.prerequisite),
            "conflicts": lambda: ["g"],
            "targets": lambda: {self.variant(): self.listed(self.word)},
            "rules": lambda: self.listed(lambda: {"when": self.condition(), "serve": self.served()}),
            "serve": self.served,
            "tags": lambda: ["a", self.word()],
            "expectedLifetimeDays": lambda: self.one((1, 90, *NUMBERS)) if self.odd() else 90,
            "owner": self.word,
        }  # fmt: skip
        made = {name: make() for name, make in members.items() if name == "off" or self.below(2)}
        return {**made, self.word(): self.value()} if self.odd() else made

    def segment(self) -> Any:
        said = {"exclude": self.listed(self.word), "when": self.condition()}
        said = {name: each for name, each in said.items() if self.below(2)}
        return {"segment": {"include": self.listed(self.word), **said}}

    def definition(self) -> Any:
        if self.below(32) == 0:
            return self.value()
        values = self.one(((True, False), ("x", ""), (1, 2**53 - 1), (0.5, 1), ({}, {"a": [1]})))
        made: dict[str, Any] = {
            "state": "ENABLED" if self.below(16) else self.value(),
            "variants": {name: self.one(values) for name in NAMES},
            **({"authoring": self.authoring()} if self.below(2) else {"targeting": self.rule()}),
        }
        for _ in range(self.below(8) // 5):  # what is left when the bytes are used up is 0
            made[self.one(FIELDS)] = self.value()
        return made


def numbers(grown: Grown) -> Any:
    return grown.one(NUMBERS) if grown.odd() else grown.below(100)


def texts(grown: Grown) -> Any:
    return grown.listed(grown.word)


def scalars(grown: Grown) -> Any:
    return grown.listed(grown.scalar if grown.odd() else grown.word)


CONDITIONS: dict[str, Callable[[Grown], Any]] = {
    **dict.fromkeys(("users", "contains", "startsWith", "endsWith"), texts),
    **dict.fromkeys(("lessThan", "atMost", "atLeast", "greaterThan"), numbers),
    **dict.fromkeys(("is", "isNot"), scalars),
    "addresses": lambda grown: grown.listed(lambda: grown.one(NETWORKS)),
    "version": lambda grown: [grown.one((">=", "^", "=", "~>")), grown.one(("1.2.3", "v2", "x"))],
    "exists": lambda grown: grown.below(2) == 1,
}


def check(data: bytes) -> None:
    """Raise what must not be raised."""
    grown = Grown(data)
    raw, rules = grown.definition(), {"shared": grown.one((grown.rule, grown.segment))()}
    try:
        shared = dict(parse_evaluators(rules))
    except Invalid:
        shared = {}
    try:
        stored = parse_definition(raw, evaluators=shared).canonical
    except Invalid:
        evaluate(grown, {"f": raw}, shared, Bucketing.V3)
        return
    assert parse_definition(stored, evaluators=shared).canonical == stored
    for bucketing in Bucketing:
        plain, lowered = published({"f": stored, "g": OTHER}, shared, bucketing)
        parse_definition(plain["f"], evaluators=lowered, authored=frozenset())
        evaluate(grown, plain, lowered, bucketing)


def evaluate(grown: Grown, plain: Any, rules: Any, bucketing: Bucketing) -> None:
    context = {name: grown.value() for name in (*WORDS[:4], "targetingKey", "x")}
    flags = compile_flag_set(plain, revision=1, now=lambda: 0.0, bucketing=bucketing, evaluators=rules)
    for asked in ({}, context, grown.value()):
        assert isinstance(flags.evaluate("f", asked), Evaluation)


if __name__ == "__main__":
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
