"""Two JSON values are the same where their texts are, but for the order of names."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.json_value import same

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([None, False, True, 0, 1, 0.0, 1.0, "", "1", "a"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)


@given(one=VALUES, other=VALUES)
def test_they_are_the_same_where_their_texts_are(one: Any, other: Any) -> None:
    assert same(one, other) is (json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True))


@pytest.mark.parametrize(("one", "other"), [(1, True), (1, 1.0), ({"a": [1]}, {"a": [1.0]}), ((1, {}), (1.0, {}))])
def test_what_is_equal_in_python_need_not_be(one: Any, other: Any) -> None:
    assert one == other
    assert not same(one, other)
    assert same(one, one)
