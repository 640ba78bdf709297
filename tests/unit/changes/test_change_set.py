from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.canonical import canonical_bytes
from domain.changes import ChangeSet, Content, Kind, Target, difference, merged
from domain.environments import Environment

ADA, BOB = UUID(int=1), UUID(int=2)
DEFINITION = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
scalars = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-2, 2) | st.text(max_size=3)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3)
)


def content(definition: Any = DEFINITION) -> Content:
    return Content((Target(Environment.PRODUCTION, Kind.FLAG, "f", 1, definition),), {"a": 1}, None, None)


def change(**given: Any) -> ChangeSet:
    whole = content()
    fields = {"digest": whole.digest, "reason": "r", "created_at": datetime(2026, 1, 1, tzinfo=UTC), **given}
    return ChangeSet(UUID(int=9), UUID(int=8), ADA, whole, **fields)


class TestDigest:
    def test_is_the_same_for_ever(self) -> None:
        assert content().digest == "sha256:2ef7319560400d8fca4bc42bcb507acd621adeb3a7f9a324b46ce55dcda823eb"

    def test_does_not_know_the_order_of_members(self) -> None:
        assert content(dict(reversed(DEFINITION.items()))).digest == content().digest

    def test_knows_everything_that_people_approve(self) -> None:
        whole = content()
        others = (
            content({**DEFINITION, "state": "DISABLED"}),
            replace(whole, plan={"a": 2}),
            replace(whole, gates={}),
            replace(whole, metrics={}),
            replace(whole, targets=(replace(whole.targets[0], base_version=2),)),
            replace(whole, targets=(replace(whole.targets[0], environment=Environment.DEV),)),
        )
        assert len({whole.digest, *(other.digest for other in others)}) == 1 + len(others)

    @pytest.mark.req("S23")
    def test_tells_a_tampered_change(self) -> None:
        assert change().intact
        assert not replace(change(), content=content({})).intact

    def test_authors_are_named_once(self) -> None:
        assert change(contributors=(BOB, ADA, BOB)).authors == (ADA, BOB)


class TestLabel:
    def test_is_the_key_and_how_many_others(self) -> None:
        (target,) = content().targets
        two = replace(change(), content=replace(content(), targets=(target, target)))
        assert (change().label, two.label) == ("f", "f and 1 more")

    def test_of_a_long_key_is_short_and_its_own(self) -> None:
        (target,) = content().targets
        keys = ["company:x" * 200 + end for end in "ab"]
        one, other = (
            replace(change(), content=replace(content(), targets=(replace(target, key=key),))) for key in keys
        )
        assert (len(one.label), len(other.label)) == (199, 199)
        assert one.label != other.label


class TestDifference:
    def test_is_read_line_by_line(self) -> None:
        before = {"a": 1, "b": {"c": [1], "d/e": True}}
        after = {"a": 1, "b": {"c": [1, 2], "f": None}}
        assert difference(before, after) == [
            {"op": "changed", "path": "/b/c", "before": [1], "after": [1, 2]},
            {"op": "removed", "path": "/b/d~1e", "before": True},
            {"op": "added", "path": "/b/f", "after": None},
        ]
        assert difference(None, {"a": 1}) == [{"op": "added", "path": "", "after": {"a": 1}}]

    @pytest.mark.parametrize(("a", "b"), [(True, 1), ([True], [1]), ([{"x": False}], [{"x": 0}])])
    def test_true_is_not_one(self, a: Any, b: Any) -> None:
        assert difference({"v": a}, {"v": b}) != []

    @given(values, values)
    def test_is_empty_exactly_for_the_same_bytes(self, a: Any, b: Any) -> None:
        assert (difference({"v": a}, {"v": b}) == []) is (canonical_bytes(a) == canonical_bytes(b))


class TestMerge:
    def test_takes_what_either_side_changed(self) -> None:
        ours, theirs = {"a": 2, "b": 1, "c": 1}, {"a": 1, "b": 3, "d": 4}
        assert merged({"a": 1, "b": 1, "c": 1}, ours, theirs) == ({"a": 2, "b": 3, "d": 4}, [])

    def test_names_what_both_changed_differently(self) -> None:
        assert merged({"a": {"x": 1}}, {"a": {"x": 2}}, {"a": {"x": 3}})[1] == ["/a/x"]
        assert merged({"a": 1}, {}, {"a": 2})[1] == ["/a"]
        assert merged({"a": [1]}, {"a": [True]}, {"a": [2]})[1] == ["/a"]

    @given(values, values)
    def test_one_side_alone_is_taken_whole(self, base: Any, side: Any) -> None:
        for ours, theirs in ((side, base), (base, side), (side, side)):
            result, conflicts = merged({"v": base}, {"v": ours}, {"v": theirs})
            assert conflicts == []
            assert canonical_bytes(result) == canonical_bytes({"v": side})
