"""A published set gives for each flag what asking its prerequisites one by one gives, here and in flagd's reference."""

import copy
import json
import logging
import random
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import OpenFeatureError

from domain.flags import Bucketing, compile_flag_set, parse_definition
from domain.flags.linking import link_faults
from domain.flags.publishing import holds, published

SETS, CONTEXTS = 40, 4
NAMES = ("on", "off", "true", "false", "1", "0", "1.5")
SHARED = {
    "staff": {"ends_with": [{"var": "email"}, "@example.org"]},
    "second": {"==": [{"var": "$flagd.flagKey"}, "f1"]},
    "share": {"fractional": [{"cat": [{"var": "$flagd.flagKey"}, {"var": "email"}]}, ["on", 30], ["true", 70]]},
}
OWN_SHARE = {"fractional": [["on", 40], ["false", 10], ["off", 50]]}
PATHS = ("plan", "email", "age", "$flagd.flagKey", "$flagd.flagKey.1", "absent")
LITERALS = (*NAMES, True, False, None, 1, 0, 1.5, "", "nothing")


class Rules:
    """Rules that nobody chose, of which those of later flags need earlier ones."""

    def __init__(self, seed: int, *, own_shares: bool) -> None:
        self.random = random.Random(seed)
        self.own_shares = own_shares
        self.keys: list[str] = []

    def flags(self) -> dict[str, Any]:
        flags: dict[str, Any] = {}
        for number in range(6):
            rule = self.rule(3 if number < 2 else 2)  # later ones are large with what they need
            flags[f"f{number}"] = {
                "state": self.random.choice(["ENABLED"] * 9 + ["DISABLED"]),
                "variants": {name: f"value {name}" for name in NAMES},
                "defaultVariant": self.random.choice([*NAMES, None]),
                "targeting": rule if isinstance(rule, dict) else {"if": [{"var": "plan"}, rule]},
            }
            self.keys.append(f"f{number}")
        return flags

    def rule(self, depth: int) -> Any:
        choose = self.random.choice
        if depth == 0 or self.random.random() < 0.1:
            return self.leaf()
        name = choose(("if", "if", "and", "or", "?:", "fractional", "cat", "!", "===", "in", "filter"))
        inner = [self.rule(depth - 1) for _ in range(self.random.randint(1, 4))]
        if name == "fractional":
            arms = [
                [each if each in NAMES or isinstance(each, dict) else "on", self.random.randint(0, 3)] for each in inner
            ]
            return {name: [{"cat": [{"var": "$flagd.flagKey"}, {"var": "email"}]}, *arms]}
        if name == "filter":
            return {name: [inner, {"var": ""}]}
        if name in {"===", "in"}:
            return {name: [inner[0], self.rule(depth - 1)]}
        return {name: [self.condition(depth - 1), *inner]} if name in {"if", "?:"} else {name: inner}

    def condition(self, depth: int) -> Any:
        return self.needed() if self.keys and self.random.random() < 0.3 else self.rule(depth)

    def needed(self) -> Any:
        return {"$flag": [self.random.choice(self.keys), *self.random.sample(NAMES, self.random.randint(1, 3))]}

    def leaf(self) -> Any:
        choose, kind = self.random.choice, self.random.random()
        if kind < 0.2 and self.keys:
            return self.needed()
        if kind < 0.55:
            return choose(LITERALS)
        if kind < 0.8:
            return {"var": choose(PATHS)} if kind < 0.7 else {"var": [choose(PATHS), "off"]}
        return OWN_SHARE if self.own_shares and kind < 0.9 else {"$ref": choose(sorted(SHARED))}

    def context(self) -> dict[str, Any]:
        choose = self.random.choice
        drawn: dict[str, Any] = {
            "targetingKey": choose(["user-1", "user-2", "user-3", ""]),
            "plan": choose([*NAMES, True, False, None, 0, 1, 1.5, "gold", ["on"], {}]),
            "email": choose(["ada@example.org", "bob@example.com", "on"]),
            "age": choose([0, 1, 2, 1.5]),
        }
        return {name: value for name, value in drawn.items() if self.random.random() < 0.9}


def answered(rule: Any, given: dict[str, str | None], seen: Counter[Any]) -> Any:
    """The rule, in which each prerequisite is what those flags gave."""
    if isinstance(rule, list):
        return [answered(each, given, seen) for each in rule]
    if not isinstance(rule, dict):
        return rule
    ((name, argument),) = rule.items()
    if name != "$flag":
        return {name: answered(argument, given, seen)}
    met = given[argument[0]] in argument[1:]
    seen[met, given[argument[0]]] += 1
    return met


def one_by_one(
    flags: dict[str, Any], context: dict[str, Any], bucketing: Bucketing, seen: Counter[Any]
) -> dict[str, str | None]:
    given: dict[str, str | None] = {}
    for key, flag in flags.items():
        rule = answered(flag["targeting"], given, seen)
        alone = {**flag, "targeting": rule if isinstance(rule, dict) else {"if": [True, rule]}}
        compiled = compile_flag_set(
            {key: alone}, revision=1, now=lambda: 0.0, bucketing=bucketing, evaluators=SHARED
        )  # fmt: skip
        given[key] = compiled.evaluate(key, context).variant
    return given


class Reference:
    def __init__(self, flags: Any, shared: Any) -> None:
        self.core = FlagdCore()
        self.core.set_flags(copy.deepcopy({"flags": dict(flags), "$evaluators": dict(shared)}))

    def variant(self, key: str, context: dict[str, Any]) -> str | None:
        rest = {name: value for name, value in context.items() if name != "targetingKey"}
        try:
            return self.core.resolve_string_value(key, "", EvaluationContext(context.get("targetingKey"), rest)).variant
        except OpenFeatureError:
            return None


@pytest.fixture(autouse=True)
def _no_log() -> Iterator[None]:
    """The reference logs every wrong argument."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.req("FP1", "FP2", "FR-SM-014")
@pytest.mark.parametrize("bucketing", Bucketing)
def test_as_asked_one_by_one(bucketing: Bucketing) -> None:
    """Under v3 nobody can need a flag that splits without a subject; the reference for Python knows v3 alone."""
    seen: Counter[Any] = Counter()
    large = 0
    for seed in range(SETS):
        rules = Rules(seed, own_shares=bucketing is Bucketing.V2)
        flags = rules.flags()
        if faults := link_faults(flags, SHARED, bucketing, flags):
            large += 1
            assert all("at most 5000 values" in fault.message for each in faults.values() for fault in each)
            continue
        plain, shared = published(flags, SHARED, bucketing)
        assert not holds(list(plain.values()), {"$flag"})
        assert all(parse_definition(each, evaluators=shared, authored=frozenset()) for each in plain.values())
        ours = compile_flag_set(plain, revision=1, now=lambda: 0.0, bucketing=bucketing, evaluators=shared)
        reference = Reference(plain, shared)
        for context in [rules.context() for _ in range(CONTEXTS)]:
            expected = one_by_one(flags, context, bucketing, seen)
            assert {key: ours.evaluate(key, context).variant for key in flags} == expected, (seed, context)
            if bucketing is Bucketing.V3:
                assert {key: reference.variant(key, context) for key in flags} == expected, (seed, context)
    assert large < SETS / 10
    assert min(sum(times for (each, _), times in seen.items() if each is met) for met in (True, False)) > 200
    assert {given for _, given in seen} == {*NAMES, None}


BASES: dict[str, Any] = {
    "own-share": OWN_SHARE,
    "share": {"if": [{"$ref": "staff"}, "on", {"$ref": "share"}]},
    "key": {"if": [{"==": [{"var": "$flagd.flagKey"}, "key"]}, {"var": "plan"}, "off"]},
    "truth": {"$ref": "staff"},
    "null": {"if": [{"$ref": "staff"}, "off"]},
    "mixed": {"or": [{"var": "plan"}, {"starts_with": [{"var": "email"}, "ada"]}]},
}


@pytest.mark.req("FP1", "FP2")
def test_the_evaluator_for_javascript_gives_what_it_gives_itself(node_home: Path) -> None:
    """Also where it differs from ours; under v2, where a split without a subject can be needed."""
    variants = {name: f"value {name}" for name in NAMES}
    flags = {
        key: {"state": "ENABLED", "variants": variants, "defaultVariant": "on", "targeting": rule}
        for key, rule in BASES.items()
    }
    for base in BASES:
        for name in NAMES:
            rule = {"if": [{"!": [{"$flag": [base, name]}]}, "off", "on"]}
            flags[f"{base} {name}"] = {"state": "ENABLED", "variants": variants, "targeting": rule}
    rules = Rules(7, own_shares=True)
    drawn = [{**rules.context(), "targetingKey": f"user-{number}"} for number in range(30)] + [{"plan": "on"}]
    contexts = [
        each for each in drawn if not isinstance(each.get("plan"), list)
    ]  # there a list is the text of its items
    plain, shared = published(flags, SHARED, Bucketing.V2)
    asked = [(key, "string", place) for key in flags for place in range(len(contexts))]
    wanted = {"document": {"flags": plain, "$evaluators": shared}, "contexts": contexts, "asked": asked}
    told = subprocess.run(
        ["node", "differ.mjs", "0"], cwd=node_home, input=json.dumps(wanted) + "\n", capture_output=True, text=True,
        check=True,
    ).stdout  # fmt: skip
    found = iter(json.loads(told))
    theirs = {(key, place): each and each[0] for (key, _, place), each in zip(asked, found, strict=True)}
    met = Counter[bool]()
    for base in BASES:
        for name in NAMES:
            for place, context in enumerate(contexts):
                gives = theirs[base, place] == name
                assert theirs[f"{base} {name}", place] == ("on" if gives else "off"), (base, name, context)
                met[gives] += 1
    assert met[True] > len(contexts) * len(BASES) / 2
