"""Our evaluator and flagd's reference evaluator for Python agree on rules and contexts that nobody chose."""

import copy
import logging
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import cbor2
import mmh3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.contrib.tools.flagd.core.targeting import targeting
from openfeature.contrib.tools.flagd.core.targeting.custom_ops import fractional, normalize_numbers, sem_ver
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import OpenFeatureError

from domain.flags import Bucketing, Evaluation, FlagType, compile_flag_set, parse_definition
from domain.flags.bucketing import hash_of
from domain.flags.cbor import encode
from domain.flags.jsonlogic import compile_rule
from domain.flags.resolution import _prepared
from domain.flags.semver import COMPARISONS, version_of

NOW = 1_780_000_000
KEY = "checkout.new-flow"
CRASHES = (ZeroDivisionError, OverflowError, AttributeError)
"""What the reference lets escape where it should give null: x / 0 and x % 0, the integer part of infinity, and a split
inside an iteration over items that are no objects. There is nothing to agree with; ours comes back with an outcome."""


def _examples(count: int) -> settings:
    return settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@pytest.fixture(scope="module", autouse=True)
def _same_clock_and_no_log() -> Iterator[None]:
    """The reference reads the clock itself, and logs every wrong argument with a traceback."""
    module = sys.modules["openfeature.contrib.tools.flagd.core.targeting.targeting"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "time", SimpleNamespace(time=lambda: float(NOW)))
        logging.disable(logging.CRITICAL)
        yield
        logging.disable(logging.NOTSET)


NAMES = ("a", "b", "true", "false", "1", "1.5", "on")
VALUES: dict[FlagType, list[Any]] = {
    FlagType.BOOLEAN: [True, False, True, False, True, False, True],
    FlagType.STRING: ["x", "y", "", "z", "1", "é", "on"],
    FlagType.INTEGER: [0, 1, 2, -3, 4, 5, 2**53 - 1],
    FlagType.FLOAT: [0.5, 1, 2.25, -3, 4, 5, 1e9],
    FlagType.OBJECT: [{}, {"a": 1}, {"b": [1, None]}, {"c": {"d": "e"}}, {}, {}, {"f": 1.5}],
}
PATHS = (
    *("email", "country", "age", "version", "nested", "nested.deep", "nested.deep.list.1", "list", "list.0", "list.01"),
    *("list.length", "email.length", "email.0", "objects", "objects.1.n", "targetingKey", "$flagd.flagKey", "", "n"),
    *("$flagd.timestamp", "$flagd", "$flagd.other", "absent", "absent.more", "email.", ".email", "flag"),
)
WORDS = (
    *("a", "b", "on", "", "1", "01", "1.5", "true", "ada@example.org", "@example.org", "de", "fr", "é", "length"),
    *("1.2.3", "v1.2", "1.2.3-rc.1", "1.2.3+build", "2", " 7 ", "inf", "0", "email", "nested.deep"),
)

numbers = st.one_of(st.integers(-3, 100), st.sampled_from([0.5, 1.0, 1.5, -0.0, 2.0**31, 1e15, 2**53 - 1]))
scalars = st.one_of(st.none(), st.booleans(), numbers, st.sampled_from(WORDS), st.text(max_size=4))
variables = st.one_of(
    st.sampled_from(PATHS).map(lambda path: {"var": path}),
    st.tuples(st.sampled_from(PATHS), scalars).map(lambda pair: {"var": list(pair)}),
    st.integers(0, 2).map(lambda index: {"var": index}),
)
# In a reduce the whole scope is not read: the reference keeps one object for all steps, so an accumulator that is the
# scope would contain itself.
steps = st.one_of(
    st.sampled_from(["current", "accumulator", "current.n", "accumulator.0"]).map(lambda path: {"var": path}), scalars
)
bodies = st.one_of(
    steps,
    st.tuples(st.sampled_from(["+", "-", "*", "cat", "merge", "max", "<", "==", "in", "and"]), steps, steps).map(
        lambda parts: {parts[0]: [parts[1], parts[2]]}
    ),
    st.tuples(steps, steps, steps).map(lambda parts: {"if": list(parts)}),
)


arrays = st.one_of(st.sampled_from([{"var": "list"}, {"var": "objects"}]), st.lists(scalars, min_size=1, max_size=4))
items = st.sampled_from([{"var": ""}, {"var": "n"}, {"var": "0"}, {"var": "length"}])
tests = st.one_of(
    items, st.tuples(st.sampled_from(["<", "==", "!", "in"]), items, scalars).map(lambda p: {p[0]: [p[1], p[2]]})
)


def _op(names: list[str], arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.tuples(st.sampled_from(names), arguments).map(lambda pair: {pair[0]: pair[1]})


def _split(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    variant = st.one_of(st.sampled_from(NAMES), st.none(), children.filter(lambda rule: isinstance(rule, dict)))
    weight = st.one_of(st.integers(0, 100), st.just(0), children.filter(lambda rule: isinstance(rule, dict)))
    arm = st.one_of(st.tuples(variant), st.tuples(variant, weight)).map(list)
    arms = st.lists(arm, min_size=1, max_size=4)
    by = children.filter(lambda rule: not isinstance(rule, list))
    return st.one_of(arms, st.tuples(by, arms).map(lambda pair: [pair[0], *pair[1]])).map(lambda a: {"fractional": a})


def _grow(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    some, pair = st.lists(children, max_size=4), st.tuples(children, children).map(list)
    signs = st.one_of(st.sampled_from(sorted(COMPARISONS)), variables)
    return st.one_of(
        _op(["if", "?:", "and", "or"], st.lists(children, max_size=5)),
        _op(["==", "!=", "===", "!==", "<", "<=", ">", ">=", "in", "starts_with", "ends_with"], pair),
        _op(["==", "===", "<", "<=", ">", ">=", "in", "-", "/", "%", "substr", "starts_with", "!", "!!"], some),
        _op(["+", "*", "min", "max", "cat", "merge", "missing", "-", "/", "%"], st.lists(variables | scalars)),
        _op(["+", "*", "min", "max", "cat", "merge", "missing", "!", "!!"], st.one_of(some, children)),
        _op(["map", "filter", "all", "some", "none"], pair),
        _op(["map", "filter", "all", "some", "none"], st.tuples(arrays, tests).map(list)),
        _op(["sem_ver"], st.lists(variables, max_size=4)),
        _op(["var"], st.lists(children, max_size=2)),  # with a third argument the reference breaks off
        _op(["sem_ver"], st.tuples(children, signs, children | st.sampled_from(WORDS)).map(list)),
        _op(["substr"], st.tuples(children, numbers, numbers).map(list)),
        _op(["missing_some"], st.tuples(numbers, st.lists(st.sampled_from(PATHS), max_size=3)).map(list)),
        _op(["in"], st.tuples(variables, st.lists(scalars, max_size=4)).map(list)),
        st.tuples(variables, bodies, scalars).map(lambda parts: {"reduce": list(parts)}),
        st.sampled_from(["vip", "beta"]).map(lambda name: {"$ref": name}),
        _split(children),
        some,
    )


EVALUATORS = {
    "vip": {"ends_with": [{"var": "email"}, "@example.org"]},
    "beta": {"fractional": [{"cat": [{"var": "$flagd.flagKey"}, {"var": "email"}]}, ["on", 20], ["a", 80]]},
}
rules = st.recursive(st.one_of(variables, scalars), _grow, max_leaves=14)


@st.composite
def definitions(draw: st.DrawFn) -> dict[str, Any]:
    rule = draw(rules)
    definition = {
        "state": draw(st.sampled_from(["ENABLED"] * 9 + ["DISABLED"])),
        "variants": dict(zip(NAMES, VALUES[draw(st.sampled_from(FlagType))], strict=True)),
        "defaultVariant": draw(st.sampled_from([*NAMES, None])),
        "targeting": rule if isinstance(rule, dict) else {"if": [True, rule]},
        "metadata": draw(st.dictionaries(st.sampled_from(["owner", "version"]), st.sampled_from(["x", 1, True]))),
    }
    return {
        name: definition[name]
        for name in definition
        if name == "state" or draw(st.integers(0, 19)) or name == "variants"
    }


plain = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["n", "deep", "list"]), inner),
    max_leaves=5,
)
contexts = st.fixed_dictionaries(
    {},
    optional={
        "targetingKey": st.one_of(st.text(max_size=8), st.sampled_from(["user-1", ""])),
        "email": st.one_of(st.sampled_from(WORDS), plain),
        "country": st.one_of(st.sampled_from(WORDS), plain),
        "age": st.one_of(numbers, plain),
        "version": st.one_of(st.sampled_from(WORDS), plain),
        "nested": st.one_of(st.fixed_dictionaries({"deep": plain}), plain),
        "list": st.lists(plain, max_size=4),
        "objects": st.lists(st.fixed_dictionaries({"n": plain}), max_size=3),
        "n": plain,
        "flag": st.booleans(),
    },
)


def reference(flag: dict[str, Any], kind: FlagType, context: dict[str, Any]) -> Any:
    """What the reference resolves through its public calls, as (variant, value, reason, metadata), or its error."""
    core = FlagdCore()
    core.set_flags(
        copy.deepcopy({"flags": {KEY: flag}, "$evaluators": EVALUATORS, "metadata": {"set": "s", "owner": "o"}})
    )
    rest = {name: value for name, value in context.items() if name != "targetingKey"}
    resolve = getattr(core, f"resolve_{kind}_value")
    try:
        found = resolve(KEY, None, EvaluationContext(context.get("targetingKey"), rest))
    except OpenFeatureError:
        return "ERROR"
    except CRASHES:
        return "CRASH"
    return found.variant, found.value, str(found.reason), dict(found.flag_metadata)


def ours(flag: dict[str, Any], bucketing: Bucketing = Bucketing.V3) -> Any:
    flags = compile_flag_set(
        {KEY: flag},
        revision=1,
        now=lambda: NOW + 0.7,
        bucketing=bucketing,
        evaluators=EVALUATORS,
        metadata={"set": "s", "owner": "o"},
    )
    return lambda context: flags.evaluate(KEY, context)


def expanded(rule: Any) -> Any:
    """The rule with each `$ref` replaced, which the reference does in the text of the whole document."""
    if isinstance(rule, list):
        return [expanded(item) for item in rule]
    if not isinstance(rule, dict):
        return rule
    return EVALUATORS[rule["$ref"]] if "$ref" in rule else {name: expanded(inner) for name, inner in rule.items()}


def without_scope(value: Any) -> Any:
    """The value, where the order and absence of the context's own names in the whole scope do not matter."""
    if isinstance(value, dict):
        return {name: without_scope(value[name]) for name in sorted(value) if value[name] is not None}
    return [without_scope(item) for item in value] if isinstance(value, list) else value


def as_reference(evaluation: Evaluation) -> Any:
    if evaluation.failed:
        return "ERROR"
    value = None if evaluation.variant is None else evaluation.value
    return evaluation.variant, value, str(evaluation.reason), evaluation.metadata


class TestAgainstTheReference:
    @pytest.mark.filterwarnings("ignore:Generating overly large repr")
    @_examples(500)
    @given(flag=definitions(), among=st.lists(contexts, min_size=3, max_size=6))
    def test_same_variant_value_reason_and_metadata(self, flag: dict[str, Any], among: list[dict[str, Any]]) -> None:
        kind = parse_definition(flag, evaluators=EVALUATORS).type
        evaluate = ours(flag)
        for context in among:
            outcome, expected = as_reference(evaluate(context)), reference(flag, kind, context)
            assert expected in ("CRASH", outcome), (flag, context)

    @pytest.mark.filterwarnings("ignore:Generating overly large repr")
    @_examples(1500)
    @given(
        rule=_grow(rules).filter(lambda rule: isinstance(rule, dict)), among=st.lists(contexts, min_size=3, max_size=6)
    )
    def test_same_value_of_any_rule(self, rule: dict[str, Any], among: list[dict[str, Any]]) -> None:
        """Not only which variant: a rule's value itself, to the type of each number in it."""
        run, notes = compile_rule(rule, flag_key=KEY, bucketing=Bucketing.V3, evaluators=EVALUATORS)
        evaluate = _prepared(run, notes, KEY, lambda: NOW + 0.7)
        for context in among:
            rest = {name: value for name, value in context.items() if name != "targetingKey"}
            try:
                expected = targeting(KEY, expanded(rule), EvaluationContext(context.get("targetingKey"), rest))
            except CRASHES:
                continue
            assert repr(without_scope(evaluate(context))) == repr(without_scope(expected)), (rule, context)

    @_examples(600)
    @given(subject=plain | st.floats() | st.integers(-(2**70), 2**70) | st.text())
    def test_same_arm_for_any_subject(self, subject: Any) -> None:
        flag = {
            "state": "ENABLED",
            "variants": {str(arm): str(arm) for arm in range(50)},
            "targeting": {"fractional": [{"var": "subject"}, *([str(arm), 1 + arm] for arm in range(50))]},
        }
        flag_of_ours = ours(flag)({"subject": subject, "targetingKey": "user-1"})
        scope = {"subject": subject, "targetingKey": "user-1", "$flagd": {"flagKey": KEY}}
        arms = [[str(arm), 1 + arm] for arm in range(50)]
        assert flag_of_ours.variant == fractional(scope, subject, *arms)

    @_examples(400)
    @given(subject=plain | st.floats() | st.integers(-(2**70), 2**70) | st.text())
    def test_same_bytes_as_a_complete_cbor_encoder(self, subject: Any) -> None:
        assert encode(subject) == cbor2.dumps(normalize_numbers(subject), canonical=True)

    @_examples(200)
    @given(subject=st.text())
    def test_version_2_hashes_the_text_itself(self, subject: str) -> None:
        assert hash_of(subject, Bucketing.V2) == mmh3.hash(subject, signed=False)

    @_examples(600)
    @given(
        a=st.from_regex(r"\A[vV]?[0-9]{1,2}(\.[0-9]{1,2}){0,3}(-[0-9a-c.-]{0,5})?(\+[0-9a-c.]{0,3})?\Z") | scalars,
        b=st.from_regex(r"\A[0-9]{1,2}(\.[0-9]){0,2}(-[0-9a-c.]{1,5})?\Z") | scalars,
        sign=st.sampled_from(sorted(COMPARISONS)),
    )
    def test_same_order_of_versions(self, a: Any, b: Any, sign: str) -> None:
        left, right = version_of(a), version_of(b)
        found = None if left is None or right is None else COMPARISONS[sign](left, right)
        assert found == sem_ver({}, a, sign, b)
