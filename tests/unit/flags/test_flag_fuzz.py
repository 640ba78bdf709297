"""Whatever JSON comes as a definition is refused with faults, or evaluates for whatever comes as a context."""

import copy
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.errors import Fault, Invalid
from domain.flags import Bucketing, ErrorCode, Evaluation, compile_flag_set, parse_definition
from domain.flags.jsonlogic import OPERATORS
from domain.flags.publishing import published
from domain.flags.rules import AUTHORED
from tests.contract.flag_pairs import EVALUATORS, Author

FLAGS = list(Author(11).flags(200).values())
texts = st.one_of(st.text(max_size=5), st.sampled_from(["a", "b", "$ref", "vip", "\ud800", "x" * 10_001]))
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts)
rules = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(sorted({*OPERATORS, *AUTHORED})), inner | st.lists(inner, max_size=4), max_size=2
        )
    ),
    max_leaves=20,
)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=20
)
definitions = st.fixed_dictionaries(
    {"state": st.sampled_from(["ENABLED", "DISABLED"]), "variants": st.just({"a": 1, "b": 2, "true": 3})},
    optional={
        "targeting": rules,
        "defaultVariant": st.sampled_from(["a", "z", None]),
        "metadata": anything,
        "more": anything,
    },
)


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """A valid definition with something else somewhere in it."""
    flag = copy.deepcopy(draw(st.sampled_from(FLAGS)))
    here, choose = flag, Random(draw(st.integers(0, 2**32)))
    while True:
        inner = list(here.items() if isinstance(here, dict) else enumerate(here))
        name, below = choose.choice(inner)
        if not isinstance(below, dict | list) or not below or choose.random() < 0.25:
            break
        here = below
    here[name] = draw(scalars | rules)
    return flag


def examples(count: int) -> settings:
    return settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def held(raw: Any, context: Any) -> bool:
    """Whether it was valid; either way it harms nobody."""
    stored, faults = parsed(raw)
    assert all(fault.message and fault.path[:1] in {"", "/"} for fault in faults)
    found = evaluated(raw if faults else stored, context)
    assert bool(faults) is (found.error_code is ErrorCode.PARSE_ERROR)
    if not faults:
        assert parsed(stored) == (stored, [])
    return not faults


def evaluated(raw: Any, context: Any) -> Evaluation:
    """By what clients get of it."""
    plain, shared = published({"f": raw}, EVALUATORS, Bucketing.V3) if parsed(raw)[0] else ({"f": raw}, EVALUATORS)
    found = compile_flag_set(plain, revision=1, now=lambda: 0.0, evaluators=shared).evaluate("f", context)
    assert isinstance(found, Evaluation)
    return found


def parsed(raw: Any) -> tuple[Any, list[Fault]]:
    """As it is stored, or what is wrong with it."""
    try:
        return parse_definition(raw, evaluators=EVALUATORS).canonical, []
    except Invalid as refusal:
        return None, list(refusal.faults)


@pytest.mark.req("FD-06")
class TestWhateverComes:
    @examples(200)
    @given(raw=anything | definitions, context=anything)
    def test_is_refused_or_evaluates(self, raw: Any, context: Any) -> None:
        held(raw, context)

    def test_what_is_damaged_somewhere_too(self) -> None:
        valid: list[bool] = []

        @examples(300)
        @given(raw=damaged(), context=anything)
        def look(raw: Any, context: Any) -> None:
            valid.append(held(raw, context))

        look()
        assert min(valid.count(True), valid.count(False)) > 40
