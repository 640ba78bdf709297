from typing import Any

import pytest

from domain.settings import UNSET, Merge, merge
from domain.settings.merging import compared, counts


class TestMerge:
    @pytest.mark.parametrize(
        ("strategy", "broad", "narrow", "together"),
        [
            (Merge.REPLACE, {"a": 1}, {"b": 2}, {"b": 2}),
            (Merge.DEEP_MERGE, {"a": 1, "b": 3}, {"a": 4, "c": 5}, {"a": 4, "b": 3, "c": 5}),
            (Merge.DEEP_MERGE, {"a": {"x": 1, "y": 2}}, {"a": {"y": 4}}, {"a": {"x": 1, "y": 4}}),
            (Merge.DEEP_MERGE, {"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
            (Merge.DEEP_MERGE, {"a": {"x": 1}}, {"a": None}, {"a": None}),
            (Merge.DEEP_MERGE, {"a": None}, {"a": {"x": 1}}, {"a": {"x": 1}}),
            (Merge.DEEP_MERGE, {"a": 1}, [1], [1]),
            (Merge.SET_UNION, ["b", "a", "b"], ["c", "a"], ["b", "a", "c"]),
            (Merge.SET_UNION, [1, {"x": 1, "y": 2}], [True, 1.0, {"y": 2, "x": 1}], [1, {"x": 1, "y": 2}, True]),
            (Merge.APPEND, [1, 2], [2, 3], [1, 2, 2, 3]),
            (Merge.MIN, 3, 2.5, 2.5),
            (Merge.MIN, 3, 4, 3),
            (Merge.MIN, "PT1H", "PT30M", "PT30M"),
            (Merge.MAX, 3, 4, 4),
            (Merge.MAX, "PT60M", "PT1H", "PT60M"),
            (Merge.AND, True, True, True),
            (Merge.AND, True, False, False),
            (Merge.AND, False, True, False),
            (Merge.OR, False, False, False),
            (Merge.OR, False, True, True),
            (Merge.OR, True, False, True),
        ],
    )  # fmt: skip
    def test_two_values_meet_as_the_definition_says(
        self, strategy: Merge, broad: Any, narrow: Any, together: Any
    ) -> None:
        assert merge(strategy, broad, narrow) == together

    def test_true_stays_true_in_a_union(self) -> None:
        assert merge(Merge.SET_UNION, [1], [True])[1] is True

    def test_first_of_equal_items_stays(self) -> None:
        assert str(merge(Merge.SET_UNION, [1], [1.0, 2])) == "[1, 2]"

    def test_items_of_a_single_list_are_a_set_too(self) -> None:
        assert merge(Merge.SET_UNION, UNSET, ["a", "b", "a"]) == ["a", "b"]

    @pytest.mark.parametrize("strategy", list(Merge))
    @pytest.mark.parametrize("broad", [UNSET, None, 5, {"a": 1}, [1], "x", True])
    def test_null_replaces_and_is_replaced(self, strategy: Merge, broad: Any) -> None:
        assert merge(strategy, broad, None) is None
        if broad is not UNSET:
            assert merge(strategy, None, broad) == broad

    @pytest.mark.parametrize("strategy", list(Merge))
    def test_neither_value_is_changed(self, strategy: Merge) -> None:
        broad, narrow = {"a": {"b": [1]}}, {"a": {"c": 2}}
        merge(strategy, broad, narrow)
        items, more = [1], [2]
        merge(strategy, items, more)
        assert (broad, narrow, items, more) == ({"a": {"b": [1]}}, {"a": {"c": 2}}, [1], [2])


class TestCounts:
    def test_equal_size_leaves_it_with_the_broader_one(self) -> None:
        assert not counts(Merge.MIN, 5, 5.0)
        assert not counts(Merge.MAX, "PT60S", "PT1M")
        assert not counts(Merge.AND, False, False)
        assert not counts(Merge.OR, True, True)

    def test_a_narrower_replacement_counts_even_when_it_says_the_same(self) -> None:
        assert counts(Merge.REPLACE, 5, 5)


class TestCompared:
    @pytest.mark.parametrize(
        ("one", "other", "order"),
        [
            (1, 2.5, -1),
            (2**53 - 1, 2.0**53, -1),
            ("P1D", "PT24H", 0),
            ("P1W", "P6D", 1),
            (True, 1, None),
            ("PT5S", 5, None),
            ("soon", "PT5S", None),
            (None, None, None),
        ],
    )
    def test_sizes_of_one_kind_have_an_order(self, one: Any, other: Any, order: int | None) -> None:
        assert compared(one, other) == order
