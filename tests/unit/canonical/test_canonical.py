"""Whichever way it is written, the bytes are those of the reference."""

from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from domain.canonical import canonical_bytes
from domain.environments import Environment

TEXTS = st.text(st.characters() | st.sampled_from('"\\/\x00\x1f\x7f\x80\u2028\ue000\uffff\U0001f600\ud800'), max_size=6)
SCALARS = st.none() | st.booleans() | st.integers() | st.integers(-(2**53), 2**53) | st.floats() | TEXTS
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5), max_leaves=20
)


def reference(value: Any) -> bytes | type[Exception]:
    try:
        return rfc8785.dumps(value)
    except ValueError:
        return ValueError


def ours(value: Any) -> bytes | type[Exception]:
    try:
        return canonical_bytes(value)
    except ValueError:
        return ValueError


class TestCanonicalBytes:
    @given(JSON)
    @example({"b": 1, "a": [True, None, "\u00e9", "\U0001f600"]})
    @example({"\ue000": 1, "\U0001f600": 2})
    @example([2**53 - 1, 2**53, -(2**53)])
    @example({"a": 1.0, "b": 1e21, "c": -0.0})
    @example("\ud800")
    @example(float("nan"))
    def test_are_those_of_the_reference(self, value: Any) -> None:
        assert ours(value) == reference(value)

    @pytest.mark.parametrize(
        "value", [Environment.DEV, {Environment.DEV: 1}, (1, 2), {"a": (1,)}, {1: 2}, b"a", {1, 2}]
    )
    def test_are_those_of_the_reference_for_what_only_looks_like_json(self, value: Any) -> None:
        assert ours(value) == reference(value)
