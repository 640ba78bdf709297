"""A published set gives for each flag what asking its prerequisites one by one gives, here and in flagd's reference."""

import copy
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import OpenFeatureError

from domain.flags import Bucketing, compile_flag_set, parse_definition
from domain.flags.linking import link_faults
from domain.flags.publishing import holds, published

NAMES = ("on", "off", "true", "false", "1", "0", "1.5")
SHARED = {
    "staff": {"ends_with": [{"var": "email"}, "@example.org"]},
    "second": {"==": [{"var": "$flagd.flagKey"}, "f1"]},
    "share": {"fractional": [{"cat": [{"var": "$flagd.flagKey"}, {"var": "email"}]}, ["on", 30], ["true", 70]]},
}
OWN_SHARE = {"fractional": [["on", 40], ["false", 10], ["off", 50]]}

attributes = st.sampled_from(["plan", "email", "age", "$flagd.flagKey", "$flagd.flagKey.1", "absent"])
variables = st.one_of(attributes.map(lambda name: {"var": name}), attributes.map(lambda name: {"var": [name, "off"]}))
literals = st.sampled_from([*NAMES, True, False, None, 1, 0, 1.5, "", "nothing"])
references = st.sampled_from(sorted(SHARED)).map(lambda name: {"$ref": name})


def _grow(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    some = st.lists(inner, min_size=1, max_size=4)
    arms = st.lists(st.tuples(inner, st.integers(0, 3)).map(list), min_size=1, max_size=3)
    return st.one_of(
        st.tuples(st.sampled_from(["if", "?:", "and", "or"]), some).map(lambda pair: {pair[0]: pair[1]}),
        st.tuples(st.sampled_from(["==", "===", "!=", "in", "starts_with"]), inner, inner).map(
            lambda parts: {parts[0]: [parts[1], parts[2]]}
        ),
        inner.map(lambda rule: {"!": [rule]}),
        inner.map(lambda rule: {"cat": [rule]}),
        st.tuples(inner, inner).map(lambda pair: {"filter": [[pair[0]], {"var": ""}]}),
        arms.map(lambda each: {"fractional": [{"cat": [{"var": "$flagd.flagKey"}, {"var": "plan"}]}, *each]}),
    )


@st.composite
def sets(draw: st.DrawFn, *, own_shares: bool = False) -> dict[str, Any]:
    """Flags of which each may need those that were drawn before it."""
    flags: dict[str, Any] = {}
    for number in range(draw(st.integers(2, 5))):
        leaves: list[st.SearchStrategy[Any]] = [literals, variables, references]
        if own_shares:
            leaves.append(st.just(OWN_SHARE))
        if flags:
            wanted = st.tuples(
                st.sampled_from(sorted(flags)), st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)
            )
            leaves += [wanted.map(lambda pair: {"$flag": [pair[0], *pair[1]]})] * 4
        rule = draw(st.recursive(st.one_of(leaves), _grow, max_leaves=8))
        flags[f"f{number}"] = {
            "state": draw(st.sampled_from(["ENABLED"] * 7 + ["DISABLED"])),
            "variants": {name: f"value {name}" for name in NAMES},
            "defaultVariant": draw(st.sampled_from([*NAMES, None])),
            "targeting": rule if isinstance(rule, dict) else {"if": [True, rule]},
        }
    return flags


contexts: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "targetingKey": st.sampled_from(["user-1", "user-2", "user-3", ""]),
        "plan": st.sampled_from([*NAMES, True, False, None, 0, 1, 1.5, "gold", ["on"], {}]),
        "email": st.sampled_from(["ada@example.org", "bob@example.com", "on"]),
        "age": st.sampled_from([0, 1, 2, 1.5]),
    },
)


several = st.lists(contexts, min_size=4, max_size=4)


def answered(rule: Any, given: dict[str, str | None]) -> Any:
    """The rule, in which each prerequisite is what those flags gave."""
    if isinstance(rule, list):
        return [answered(each, given) for each in rule]
    if not isinstance(rule, dict):
        return rule
    ((name, argument),) = rule.items()
    return given[argument[0]] in argument[1:] if name == "$flag" else {name: answered(argument, given)}


def one_by_one(flags: dict[str, Any], context: dict[str, Any], bucketing: Bucketing) -> dict[str, str | None]:
    given: dict[str, str | None] = {}
    for key, flag in flags.items():
        rule = answered(flag["targeting"], given)
        alone = {**flag, "targeting": rule if isinstance(rule, dict) else {"if": [True, rule]}}
        compiled = compile_flag_set(
            {key: alone}, revision=1, now=lambda: 0.0, bucketing=bucketing, evaluators=SHARED
        )  # fmt: skip
        given[key] = compiled.evaluate(key, context).variant
    return given


def reference(flags: Any, shared: Any, key: str, context: dict[str, Any]) -> str | None:
    core = FlagdCore()
    core.set_flags(copy.deepcopy({"flags": dict(flags), "$evaluators": dict(shared)}))
    rest = {name: value for name, value in context.items() if name != "targetingKey"}
    try:
        return core.resolve_string_value(key, "", EvaluationContext(context.get("targetingKey"), rest)).variant
    except OpenFeatureError:
        return None


def _examples(count: int) -> settings:
    return settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@pytest.fixture(scope="module", autouse=True)
def _no_log() -> Iterator[None]:
    """The reference logs every wrong argument."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def check(flags: dict[str, Any], among: list[dict[str, Any]], bucketing: Bucketing) -> None:
    faults = link_faults(flags, SHARED, bucketing, flags)
    assert not faults, faults
    plain, shared = published(flags, SHARED, bucketing)
    assert not holds(list(plain.values()), {"$flag"})
    assert all(parse_definition(each, evaluators=shared, authored=frozenset()) for each in plain.values())
    ours = compile_flag_set(plain, revision=1, now=lambda: 0.0, bucketing=bucketing, evaluators=shared)
    for context in among:
        expected = one_by_one(flags, context, bucketing)
        assert {key: ours.evaluate(key, context).variant for key in flags} == expected
        if bucketing is Bucketing.V3:
            assert {key: reference(plain, shared, key, context) for key in flags} == expected


@pytest.mark.req("FP2", "FR-SM-014")
class TestPrerequisites:
    @_examples(60)
    @given(flags=sets(), among=several)
    def test_v3_as_asked_one_by_one(self, flags: dict[str, Any], among: list[dict[str, Any]]) -> None:
        check(flags, among, Bucketing.V3)

    @_examples(60)
    @given(flags=sets(own_shares=True), among=several)
    def test_v2_as_asked_one_by_one(self, flags: dict[str, Any], among: list[dict[str, Any]]) -> None:
        check(flags, among, Bucketing.V2)
