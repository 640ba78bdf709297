"""Our evaluator and flagd's reference evaluator for Python differ in what is listed, and in nothing else."""

import copy
import logging
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import version
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

from domain.flags import Bucketing, FlagType, compile_flag_set
from domain.flags.bucketing import hash_of
from domain.flags.cbor import encode
from domain.flags.semver import COMPARISONS, version_of
from tests.contract.differing import RAISED, Batch, Outcome, Tally, as_batch, run, shown, visited, written
from tests.contract.flag_differences import PAGE, PYTHON, applying, listed
from tests.contract.flag_pairs import EVALUATORS, NOW, Author
from tests.contract.visiting import Walk

KEY = "checkout.new-flow"
ROWS = listed("flagd-core for Python")
RAISING = (ZeroDivisionError, OverflowError, AttributeError, TypeError)


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


def evaluated(batch: Batch) -> Sequence[Outcome]:
    """What the reference resolves through its public calls."""
    core = FlagdCore()
    core.set_flags(copy.deepcopy(batch.document))
    contexts = [about(context) for context in batch.contexts]
    return [resolved(core, key, batch.types[key], contexts[place]) for key, place in batch.asked]


def about(context: dict[str, Any]) -> EvaluationContext:
    rest = {name: value for name, value in context.items() if name != "targetingKey"}
    return EvaluationContext(context.get("targetingKey"), rest)


def resolved(core: FlagdCore, key: str, kind: FlagType, context: EvaluationContext) -> Outcome:
    try:
        found = getattr(core, f"resolve_{kind}_value")(key, None, context)
    except OpenFeatureError:
        return None
    except RAISING:
        return RAISED
    return found.variant, found.value, str(found.reason), dict(found.flag_metadata)


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


@pytest.mark.req("FD-06", "FR-SM-014")
class TestAgainstTheReference:
    def test_fifty_thousand_pairs(self) -> None:
        tally = Tally(PYTHON, Bucketing.V3)
        run(tally, evaluated, seed=1, pairs=50_000)
        tally.prove(50_000)

    def test_every_listed_difference_is_one(self) -> None:
        assert {row.id for row in ROWS} == PYTHON.keys()
        assert f"\nVersion {version('openfeature-flagd-core')} (" in PAGE.read_text(encoding="utf-8")
        batch = as_batch(ROWS)
        assert shown(batch, evaluated(batch), PYTHON, Bucketing.V3) == ROWS

    def test_same_value_of_any_rule(self) -> None:
        """Not only which variant: a rule's value itself, to the type of each number in it."""
        batch, compared = written(Author(3), flags=500, contexts=10), 0
        for key, flag in batch.flags.items():
            rule, walk = flag.get("targeting"), Walk(key, Bucketing.V3, EVALUATORS)
            for context in batch.contexts if rule and flag["state"] == "ENABLED" else ():
                *visits, whole = visited(walk, key, flag, context)
                if not applying(PYTHON, visits):
                    theirs = targeting(key, expanded(rule), about(context))
                    assert repr(without_scope(whole.result)) == repr(without_scope(theirs)), (rule, context)
                    compared += 1
        assert compared > 4_000


numbers = st.one_of(st.integers(-3, 100), st.sampled_from([0.5, 1.0, 1.5, -0.0, 2.0**31, 1e15, 2**53 - 1]))
scalars = st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=4))
plain = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["n", "deep", "list"]), inner),
    max_leaves=5,
)


class TestParts:
    @_examples(600)
    @given(subject=plain | st.floats() | st.integers(-(2**70), 2**70) | st.text())
    def test_same_arm_for_any_subject(self, subject: Any) -> None:
        flag = {
            "state": "ENABLED",
            "variants": {str(arm): str(arm) for arm in range(50)},
            "targeting": {"fractional": [{"var": "subject"}, *([str(arm), 1 + arm] for arm in range(50))]},
        }
        ours = compile_flag_set({KEY: flag}, revision=1, now=lambda: NOW)
        flag_of_ours = ours.evaluate(KEY, {"subject": subject, "targetingKey": "user-1"})
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
