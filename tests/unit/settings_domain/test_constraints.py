from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import Fault, Invalid
from domain.settings import UNSET, Constraint, parse_constraint


def refused(raw: Any) -> list[str]:
    with pytest.raises(Invalid) as refusal:
        parse_constraint(raw)
    return [fault.path for fault in refusal.value.faults]


class TestBounds:
    def test_bounds_belong_to_what_they_bound(self) -> None:
        constraint = Constraint(minimum=1, maximum=100)
        assert constraint.faults(1) == constraint.faults(100) == constraint.faults(99.5) == []

    def test_a_value_beyond_a_bound_is_told_the_bound(self) -> None:
        constraint = Constraint(minimum=1, maximum=100)
        assert constraint.faults(0, "/value") == [Fault("/value", "expected at least 1")]
        assert constraint.faults(101) == [Fault("", "expected at most 100")]

    def test_a_value_beyond_a_bound_moves_to_it(self) -> None:
        constraint = Constraint(minimum=1, maximum=100)
        assert [constraint.clamped(value) for value in (-5, 7, 150)] == [1, 7, 100]

    def test_durations_compare_by_length(self) -> None:
        constraint = Constraint(maximum="PT1H")
        assert constraint.faults("PT60M") == []
        assert constraint.clamped("P1D") == "PT1H"

    @pytest.mark.parametrize("value", [None, True, "150", "PT5M", [1], {"a": 1}])
    def test_what_has_no_such_size_is_not_within(self, value: Any) -> None:
        constraint = Constraint(maximum=100)
        assert constraint.faults(value)
        assert constraint.clamped(value) is UNSET


class TestLists:
    def test_a_value_that_is_not_allowed_has_no_nearest_one(self) -> None:
        constraint = Constraint(allowed=("red", "green"))
        assert constraint.clamped("red") == "red"
        assert constraint.clamped("blue") is UNSET
        assert constraint.faults("blue") == [Fault("", "expected a value that is allowed here")]

    def test_a_denial_beats_a_permission(self) -> None:
        constraint = Constraint(allowed=("red", "green"), denied=("red",))
        assert constraint.clamped("red") is UNSET
        assert constraint.clamped("green") == "green"

    def test_null_and_compound_values_are_listed_like_any_other(self) -> None:
        constraint = Constraint(allowed=(None, {"a": 1, "b": [2]}))
        assert constraint.faults(None) == constraint.faults({"b": [2], "a": 1}) == []

    def test_true_is_not_one(self) -> None:
        assert Constraint(denied=(True,)).faults(1) == []
        assert Constraint(denied=(1,)).faults(1.0)

    def test_a_bound_that_is_denied_is_no_way_out(self) -> None:
        assert Constraint(maximum=100, denied=(100,)).clamped(150) is UNSET


class TestNarrowed:
    def test_the_tighter_bounds_hold(self) -> None:
        assert Constraint(0, 100).narrowed(Constraint(10, 200)) == Constraint(10, 100)
        assert Constraint(maximum=100).narrowed(Constraint(minimum=5)) == Constraint(5, 100)

    @pytest.mark.req("ST74")
    def test_a_floor_above_a_broader_ceiling_gives_way(self) -> None:
        assert Constraint(maximum=50).narrowed(Constraint(minimum=60, maximum=90)) == Constraint(50, 50)

    def test_a_bound_of_another_kind_gives_way(self) -> None:
        assert Constraint(maximum=50).narrowed(Constraint("PT1M", "PT5M")) == Constraint(maximum=50)

    def test_what_both_allow_is_allowed(self) -> None:
        both = Constraint(allowed=(1, 2, 3)).narrowed(Constraint(allowed=(4, 3, 2)))
        assert both.allowed == (2, 3)
        assert Constraint(allowed=(1,)).narrowed(Constraint()).allowed == (1,)
        assert Constraint().narrowed(Constraint(allowed=(1,))).allowed == (1,)

    def test_what_leaves_nothing_in_common_allows_nothing(self) -> None:
        nothing = Constraint(allowed=("a",)).narrowed(Constraint(allowed=("b",)))
        assert nothing.clamped("a") is nothing.clamped("b") is UNSET

    def test_what_either_denies_is_denied_once(self) -> None:
        assert Constraint(denied=(1, 2)).narrowed(Constraint(denied=(2, 3))).denied == (1, 2, 3)


class TestParse:
    @pytest.mark.parametrize(
        "raw",
        [
            {"minimum": 1},
            {"maximum": "PT5M"},
            {"minimum": 0, "maximum": 0},
            {"allowed": ["a", None, {"b": 1}], "denied": [2]},
            {"minimum": 0.5, "maximum": 10, "allowed": [1, 20]},
        ],
    )
    def test_what_is_written_is_what_is_read(self, raw: Any) -> None:
        assert parse_constraint(raw).to_json() == raw

    def test_null_counts_as_absent(self) -> None:
        assert parse_constraint({"minimum": None, "allowed": None, "maximum": 4, "denied": None}) == Constraint(
            maximum=4
        )

    @pytest.mark.parametrize(
        ("raw", "paths"),
        [
            ([], [""]),
            ({}, [""]),
            ({"maximum": None}, [""]),
            ({"max": 1, "a/b": 2}, ["/a~1b", "/max"]),
            ({"minimum": True, "maximum": "5"}, ["/minimum", "/maximum"]),
            ({"maximum": float("inf")}, ["/maximum"]),
            ({"minimum": 2, "maximum": 1}, ["/maximum"]),
            ({"minimum": 2, "maximum": "PT1M"}, ["/maximum"]),
            ({"allowed": [], "denied": "a"}, ["/allowed", "/denied"]),
            ({"allowed": ["a"] * 1001}, ["/allowed"]),
            ({"allowed": [1, {"a": float("nan")}]}, ["/allowed/1/a"]),
            ({"maximum": 5, "allowed": [6, 7]}, ["/allowed"]),
            ({"allowed": ["a"], "denied": ["a"]}, ["/allowed"]),
        ],
    )
    def test_every_fault_is_named_where_it_stands(self, raw: Any, paths: list[str]) -> None:
        assert refused(raw) == paths


sizes = st.integers(-6, 6) | st.sampled_from([0.5, 2.0])
values = sizes | st.sampled_from([None, True, "PT5S", "x"])
bounds = st.none() | sizes


@st.composite
def constraints(draw: st.DrawFn) -> Constraint:
    minimum, maximum = draw(bounds), draw(bounds)
    if minimum is not None and maximum is not None:
        minimum, maximum = sorted((minimum, maximum))
    allowed = draw(st.none() | st.lists(values, min_size=1, max_size=6).map(tuple))
    return Constraint(minimum, maximum, allowed, draw(st.lists(values, max_size=3).map(tuple)))


class TestAnyConstraint:
    @settings(max_examples=300, deadline=None)
    @given(constraints(), constraints(), values)
    def test_what_was_moved_is_within_and_what_is_within_is_not_moved(
        self, broad: Constraint, narrow: Constraint, value: Any
    ) -> None:
        both = broad.narrowed(narrow)
        moved = both.clamped(value)
        assert moved is UNSET or both.faults(moved) == []
        assert (moved is value) == (both.faults(value) == [])

    @settings(max_examples=300, deadline=None)
    @given(constraints(), constraints(), values)
    def test_the_broader_one_always_stands(self, broad: Constraint, narrow: Constraint, value: Any) -> None:
        if broad.narrowed(narrow).faults(value) == []:
            assert broad.faults(value) == []

    @settings(max_examples=300, deadline=None)
    @given(constraints(), constraints(), values)
    def test_what_both_admit_stays_admitted(self, broad: Constraint, narrow: Constraint, value: Any) -> None:
        if broad.faults(value) == narrow.faults(value) == []:
            assert broad.narrowed(narrow).faults(value) == []

    @settings(max_examples=300, deadline=None)
    @given(constraints(), values)
    def test_saying_it_twice_changes_nothing(self, constraint: Constraint, value: Any) -> None:
        twice = constraint.narrowed(constraint)
        assert twice.faults(value) == constraint.faults(value)
        assert twice.clamped(value) == constraint.clamped(value)
