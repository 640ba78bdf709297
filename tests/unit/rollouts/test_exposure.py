from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.flags import Bucketing, compile_flag_set, parse_definition
from domain.rollouts import TOTAL_WEIGHT, NotRollable, check_exposure, exposed
from domain.rollouts.exposure import by_subject

BASE = {"state": "ENABLED", "variants": {"on": True, "off": False, "beta": False}, "defaultVariant": "off"}
NEW = {**BASE, "defaultVariant": "on"}
AUTHORED: dict[str, Any] = {
    "state": "ENABLED", "variants": BASE["variants"],
    "authoring": {"owner": "shop", "off": "off", "force": {"attribute": "tenant", "off": ["acme"]}, "serve": "off"},
}  # fmt: skip
RAISED = {**AUTHORED, "authoring": {**AUTHORED["authoring"], "serve": "on"}}
TARGETED = {"if": [{"==": [{"var": "plan"}, "beta"]}, "beta", None]}
PEOPLE = [f"user-{n}" for n in range(2_000)]


def served(definition: Any, **more: Any) -> dict[str, str | None]:
    parse_definition(definition)
    flags = compile_flag_set({"f": definition}, revision=1, now=lambda: 0.0)
    return {each: flags.evaluate("f", {"targetingKey": each, **more}).variant for each in PEOPLE}


def reached(weight: int) -> set[str]:
    return {person for person, variant in served(exposed(BASE, NEW, weight)).items() if variant == "on"}


class TestExposed:
    @pytest.mark.req("S42")
    def test_nobody_leaves_while_it_grows(self) -> None:
        groups = [reached(percent * 1000) for percent in (1, 10, 25, 50, 100)]
        assert all(small < large for small, large in pairwise(groups))
        assert groups[-1] == set(PEOPLE)

    @pytest.mark.req("S42")
    @settings(max_examples=15, deadline=None)
    @given(st.integers(1, TOTAL_WEIGHT), st.integers(1, TOTAL_WEIGHT))
    def test_a_smaller_share_lies_in_a_larger_one(self, one: int, other: int) -> None:
        assert reached(min(one, other)) <= reached(max(one, other))

    def test_by_instance_everybody_whom_it_serves_has_the_same(self) -> None:
        definition = exposed(BASE, NEW, 30_000, by_instance=True)
        instances = [set(served(definition, instance=f"pod-{n}").values()) for n in range(60)]
        assert {len(each) for each in instances} == {1}
        assert 5 < sum(each == {"on"} for each in instances) < 35

    def test_by_instance_who_names_none_is_split_as_a_subject(self) -> None:
        assert served(exposed(BASE, NEW, 30_000, by_instance=True)) == served(exposed(BASE, NEW, 30_000))

    @pytest.mark.parametrize("by_instance", [False, True])
    def test_with_a_named_subject_nobody_leaves_either(self, *, by_instance: bool) -> None:
        stages = [exposed(BASE, NEW, each * 1000, by_instance=by_instance, named=True) for each in (1, 10, 50)]
        groups = [{person for person, variant in served(each).items() if variant == "on"} for each in stages]
        assert all(small < large for small, large in pairwise(groups))
        assert 0.07 < len(groups[1]) / len(PEOPLE) < 0.13
        assert all(by_subject(each) for each in stages)
        assert not by_subject(exposed(BASE, NEW, 1000, by_instance=by_instance))
        flags = compile_flag_set({"f": stages[2]}, revision=1, now=lambda: 0.0)
        assert flags.evaluate("f", {}).variant == "off"

    def test_v2_splits_a_named_subject_as_it_splits_one_that_is_not(self) -> None:
        sets = [
            compile_flag_set(
                {"f": exposed(BASE, NEW, 30_000, named=named)}, revision=1, now=lambda: 0.0, bucketing=Bucketing.V2
            )
            for named in (False, True)
        ]  # fmt: skip
        one, other = ([each.evaluate("f", {"targetingKey": who}).variant for who in PEOPLE] for each in sets)
        assert one == other

    def test_the_share_is_about_what_was_asked(self) -> None:
        assert 0.07 < len(reached(10_000)) / len(PEOPLE) < 0.13

    def test_at_the_end_it_is_the_new_content(self) -> None:
        assert exposed(BASE, NEW, TOTAL_WEIGHT) == NEW

    def test_targeting_keeps_precedence(self) -> None:
        base, new = {**BASE, "targeting": TARGETED}, {**NEW, "targeting": TARGETED}
        half = exposed(base, new, 50_000)
        assert set(served(half, plan="beta").values()) == {"beta"}
        assert set(served(half, plan="free").values()) == {"on", "off"}
        assert set(served(half).values()) == {"on", "off"}

    def test_a_stage_of_an_authored_flag_is_plain_and_the_end_is_authored(self) -> None:
        half = exposed(AUTHORED, RAISED, 50_000)
        assert set(half) == {"state", "variants", "defaultVariant", "targeting", "metadata"}
        assert half["metadata"] == {"owner": "shop", "off": "off"}
        assert {each for each, variant in served(half).items() if variant == "on"} == reached(50_000)
        assert set(served(half, tenant="acme").values()) == {"off"}
        assert exposed(AUTHORED, RAISED, TOTAL_WEIGHT) == RAISED


class TestRollable:
    def test_a_changed_default_is(self) -> None:
        check_exposure(BASE, NEW)
        check_exposure(BASE, {**NEW, "variants": {**BASE["variants"], "on": False}})  # type: ignore[dict-item]  # JSON
        check_exposure(AUTHORED, RAISED)
        check_exposure(BASE, {**BASE, "authoring": {"serve": "on"}, "defaultVariant": None})

    @pytest.mark.parametrize(
        ("base", "content", "path"),
        [
            (None, NEW, ""),
            (BASE, BASE, "/defaultVariant"),
            ({**BASE, "defaultVariant": None}, NEW, "/defaultVariant"),
            (BASE, {**NEW, "state": "DISABLED"}, "/state"),
            ({**BASE, "state": "DISABLED"}, NEW, "/state"),
            (BASE, {**NEW, "targeting": TARGETED}, "/targeting"),
            (BASE, RAISED, "/authoring"),
            (AUTHORED, AUTHORED, "/authoring/serve"),
            (BASE, {**NEW, "variants": {"on": True}}, "/variants/off"),
            (BASE, {**NEW, "variants": {"on": True, "off": True}}, "/variants/off"),
            (BASE, {**NEW, "variants": {"on": 1, "off": 0}}, "/variants/off"),
        ],
    )
    def test_what_would_reach_everybody_is_not(self, base: Any, content: Any, path: str) -> None:
        with pytest.raises(NotRollable) as refused:
            check_exposure(base, content)
        assert path in [fault.path for fault in refused.value.faults]

    def test_a_variant_that_targeting_serves_is_not(self) -> None:
        base = {**BASE, "targeting": TARGETED}
        content = {**NEW, "targeting": TARGETED, "variants": {"on": True, "off": False, "beta": True}}
        with pytest.raises(NotRollable) as refused:
            check_exposure(base, content)
        assert [fault.path for fault in refused.value.faults] == ["/variants/beta"]
