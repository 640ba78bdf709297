"""Which value is of which type: nothing is converted."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.settings import SettingType, json_faults, seconds_of, type_faults

T = SettingType
TEXTS = {T.STRING, T.SECRET, T.ENUM, T.JSON}
MATRIX: list[tuple[Any, set[SettingType]]] = [
    ("false", TEXTS),
    ("1", TEXTS),
    ("", TEXTS - {T.SECRET}),
    ("PT5M", TEXTS | {T.DURATION}),
    (True, {T.BOOLEAN, T.JSON}),
    (False, {T.BOOLEAN, T.JSON}),
    (0, {T.INTEGER, T.NUMBER, T.JSON}),
    (-7, {T.INTEGER, T.NUMBER, T.JSON}),
    (2**53 - 1, {T.INTEGER, T.NUMBER, T.JSON}),
    (2**53, set()),
    (1.0, {T.NUMBER, T.JSON}),
    (1.5, {T.NUMBER, T.JSON}),
    (1e300, set()),
    (math.inf, set()),
    (math.nan, set()),
    ([], {T.LIST, T.JSON}),
    (["a", 1, None], {T.LIST, T.JSON}),
    ([2**53], set()),
    ({}, {T.JSON}),
    ({"a": [1.5]}, {T.JSON}),
    (None, {T.JSON}),
    (("a",), set()),
    (b"a", set()),
    ("\ud800", set()),
    ("a" * (64 * 1024), TEXTS),
    ("é" * (32 * 1024 + 1), set()),
]
SCALARS = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=10)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner), max_leaves=20)


def nested(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value


def named(item: object) -> str:
    """The same in every process: a set comes in another order in each."""
    return ",".join(sorted(item)) if isinstance(item, set) else ascii(item)[:20]


class TestTypes:
    @pytest.mark.req("FR-SM-004", "SM-D4", "ST78")
    @pytest.mark.parametrize("kind", list(SettingType))
    @pytest.mark.parametrize(("value", "accepted"), MATRIX, ids=named)
    def test_a_value_is_of_the_types_it_is_written_as(
        self, kind: SettingType, value: object, accepted: set[SettingType]
    ) -> None:
        assert (type_faults(kind, value) == []) == (kind in accepted)

    @given(JSON)
    def test_whatever_is_json_is_a_value(self, value: object) -> None:
        assert type_faults(T.JSON, value) == []

    @given(st.sampled_from(SettingType), JSON)
    def test_a_value_is_the_same_value_after_a_journey_as_text(self, kind: SettingType, value: object) -> None:
        assert type_faults(kind, json.loads(json.dumps(value))) == type_faults(kind, value)

    def test_a_fault_says_where_it_is(self) -> None:
        faults = type_faults(T.JSON, {"a/b": [1, math.nan], "c": 2**60}, "/value")
        assert [fault.path for fault in faults] == ["/value/a~1b/1", "/value/c"]

    def test_a_fault_does_not_repeat_a_secret(self) -> None:
        assert all("hunter2" not in fault.message for fault in type_faults(T.SECRET, ["hunter2"]))


class TestLimits:
    def test_arrays_and_objects_stand_in_each_other_32_deep(self) -> None:
        assert json_faults(nested(32)) == []
        assert [fault.path for fault in json_faults(nested(33))] == ["/0" * 32]

    def test_depth_costs_no_recursion(self) -> None:
        assert len(json_faults(nested(100_000))) == 1

    def test_ten_thousand_values_are_enough(self) -> None:
        assert json_faults([0] * 9_999) == []
        assert [fault.path for fault in json_faults([0] * 10_000, "/v")] == ["/v"]

    def test_the_whole_is_at_most_256_kib(self) -> None:
        assert json_faults(["a" * 60_000] * 4) == []
        assert [fault.path for fault in json_faults(["a" * 60_000] * 5)] == [""]

    @pytest.mark.parametrize("value", [{"\ud800": 1}, {"a" * 70_000: 1}, {1: 1}])
    def test_names_of_members_are_checked_as_text(self, value: object) -> None:
        assert len(json_faults(value)) == 1


class TestDuration:
    @pytest.mark.parametrize(
        ("text", "seconds"),
        [
            ("PT0S", 0.0),
            ("PT5M", 300.0),
            ("P1D", 86_400.0),
            ("P2W", 1_209_600.0),
            ("P1DT12H", 129_600.0),
            ("PT1H30M0.25S", 5_400.25),
            ("P36500D", 3_153_600_000.0),
        ],
    )
    def test_it_has_a_length(self, text: str, seconds: float) -> None:
        assert type_faults(T.DURATION, text) == []
        assert seconds_of(text) == seconds

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "P",
            "PT",
            "P1DT",
            "P1Y",
            "P1M",
            "5M",
            "pt5m",
            "PT5",
            "P-1D",
            "-P1D",
            "PT1.5H",
            "PT5M\n",
            "P1H",
            "PT\u0665M",
        ],
    )
    def test_what_has_no_length_is_refused(self, text: str) -> None:
        assert [fault.path for fault in type_faults(T.DURATION, text, "/value")] == ["/value"]
        with pytest.raises(Invalid):
            seconds_of(text)

    def test_more_than_a_century_is_refused(self) -> None:
        assert len(type_faults(T.DURATION, "P36500DT1S")) == 1

    @given(st.integers(0, 9_999), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
    def test_its_parts_add_up(self, days: int, hours: int, minutes: int, seconds: int) -> None:
        text = f"P{days}DT{hours}H{minutes}M{seconds}S"
        assert seconds_of(text) == days * 86_400 + hours * 3_600 + minutes * 60 + seconds
