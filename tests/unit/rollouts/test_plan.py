from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.environments import Environment
from domain.errors import Invalid
from domain.rollouts import (
    TOTAL_WEIGHT,
    DeadlineAction,
    OnConflict,
    Strategy,
    default_plan,
    parse_plan,
    stored_plan,
)

PRODUCTION = Environment.PRODUCTION


def faults(raw: Any) -> list[str]:
    with pytest.raises(Invalid) as refused:
        parse_plan(raw, PRODUCTION)
    return [fault.path for fault in refused.value.faults]


class TestPlan:
    @pytest.mark.parametrize("environment", list(Environment))
    def test_nothing_said_is_the_default(self, environment: Environment) -> None:
        assert parse_plan({}, environment) == default_plan(environment)

    def test_production_is_patient_and_goes_back(self) -> None:
        plan = default_plan(PRODUCTION)
        assert [stage.percent for stage in plan.stages] == [10, 25, 50, 100]
        assert (plan.stages[0].min_soak, plan.stages[0].max_soak) == (timedelta(minutes=10), timedelta(minutes=60))
        assert (plan.bake, plan.on_inconclusive) == (timedelta(minutes=30), DeadlineAction.ROLLBACK)
        assert default_plan(Environment.STAGING).on_inconclusive is DeadlineAction.ADVANCE

    @pytest.mark.req("S41")
    @pytest.mark.parametrize(
        ("stages", "path"),
        [
            ([10, 10, 100], "/stages/1/percent"),
            ([50, 25, 100], "/stages/1/percent"),
            ([10, 50], "/stages/1/percent"),
            ([], "/stages"),
            ("all", "/stages"),
            ([0, 100], "/stages/0/percent"),
            ([101], "/stages/0/percent"),
            ([True], "/stages/0"),
            ([{"percent": "10"}, 100], "/stages/0/percent"),
            ([{"percent": 100, "a/b": 1}], "/stages/0/a~1b"),
            ([{"percent": 100, "manual": 1}], "/stages/0/manual"),
            ([{"percent": 100, "min_soak_seconds": -1}], "/stages/0/min_soak_seconds"),
            ([{"percent": 100, "min_soak_seconds": 60, "max_soak_seconds": 30}], "/stages/0/max_soak_seconds"),
            ([*range(1, 21), 100], "/stages"),
        ],
    )
    def test_stages_rise_to_everybody(self, stages: Any, path: str) -> None:
        assert path in faults({"stages": stages})

    @pytest.mark.req("SM-D3")
    @given(
        percent=(st.floats() | st.integers()).filter(lambda share: not 99.9 < share < 100)
    )  # nearly all, and then all
    def test_a_share_is_between_0_and_100_percent(self, percent: float) -> None:
        raw = {"stages": [percent, 100] if percent != 100 else [percent]}
        if 0 < percent <= 100:
            assert 0 < parse_plan(raw, PRODUCTION).stages[0].weight <= TOTAL_WEIGHT
        else:
            assert "/stages/0/percent" in faults(raw)

    @pytest.mark.parametrize(
        ("raw", "paths"),
        [
            ([], [""]),
            ({"strategy": "blue"}, ["/strategy"]),
            ({"strategy": []}, ["/strategy"]),
            ({"on_inconclusive": {}}, ["/on_inconclusive"]),
            ({"a~b": 1, "bake_seconds": float("nan")}, ["/a~0b", "/bake_seconds"]),
            ({"check_interval_seconds": 0}, ["/check_interval_seconds"]),
            (
                {"hold_limit_seconds": 1e300, "pause_limit_seconds": True},
                ["/hold_limit_seconds", "/pause_limit_seconds"],
            ),
            ({"strategy": "direct", "stages": [10, 100]}, ["/stages"]),
            ({"apply_at": "tomorrow"}, ["/apply_at"]),
            ({"apply_at": "2026-07-01T00:00:00"}, ["/apply_at"]),
            ({"apply_at": 5}, ["/apply_at"]),
            ({"apply_by": "later"}, ["/apply_by"]),
            ({"after": "the other"}, ["/after"]),
            ({"after": 5}, ["/after"]),
        ],
    )
    def test_every_fault_has_a_pointer(self, raw: Any, paths: list[str]) -> None:
        assert faults(raw) == paths

    def test_direct_is_one_stage_without_a_bake(self) -> None:
        plan = parse_plan({"strategy": "direct"}, PRODUCTION)
        assert (plan.strategy, plan.gated, plan.bake) == (Strategy.DIRECT, False, timedelta(0))
        assert [stage.weight for stage in plan.stages] == [TOTAL_WEIGHT]

    def test_that_waits_for_a_moment_says_so_and_others_are_as_they_were(self) -> None:
        at, by, after = "2026-07-01T02:00:00+02:00", "2026-07-02T02:00:00Z", str(UUID(int=7))
        waiting = parse_plan({"strategy": "direct", "apply_at": at, "apply_by": by, "after": after}, PRODUCTION)
        said = waiting.to_json()
        assert (said["apply_at"], said["apply_by"]) == ("2026-07-01T00:00:00+00:00", "2026-07-02T02:00:00+00:00")
        assert (waiting.after, parse_plan(said, PRODUCTION)) == (UUID(int=7), waiting)
        assert not {"apply_at", "apply_by", "after"} & set(parse_plan({}, PRODUCTION).to_json())

    @given(
        st.lists(st.integers(1, 99_999), unique=True, max_size=19),
        st.floats(0, 1e6),
        st.booleans(),
        st.sampled_from(["direct", "canary"]),
    )
    def test_survives_a_trip_through_json(self, weights: list[int], bake: float, manual: bool, strategy: str) -> None:  # noqa: FBT001 -- drawn
        stages = [{"percent": weight / 1000, "manual": manual} for weight in [*sorted(weights), TOTAL_WEIGHT]]
        raw = {"strategy": strategy, "bake_seconds": bake, **({"stages": stages} if strategy == "canary" else {})}
        plan = parse_plan(raw, PRODUCTION)
        assert parse_plan(plan.to_json(), PRODUCTION) == plan


class TestGenerators:
    @pytest.mark.parametrize(
        ("generator", "percents"),
        [
            ({"generator": "linear", "first": 10, "step": 20}, [10, 30, 50, 70, 90, 100]),
            ({"generator": "linear", "first": 50, "step": 50}, [50, 100]),
            ({"generator": "linear", "first": 100, "step": 1}, [100]),
            ({"generator": "exponential", "first": 5, "factor": 2}, [5, 10, 20, 40, 80, 100]),
            ({"generator": "exponential", "first": 1, "factor": 10}, [1, 10, 100]),
        ],
    )
    def test_make_rising_stages(self, generator: Any, percents: list[float]) -> None:
        plan = parse_plan({"stages": {**generator, "min_soak_seconds": 60}}, PRODUCTION)
        assert [stage.percent for stage in plan.stages] == percents
        assert {stage.min_soak for stage in plan.stages} == {timedelta(minutes=1)}
        assert parse_plan(plan.to_json(), PRODUCTION) == plan

    @pytest.mark.req("S41")
    @pytest.mark.parametrize(
        ("generator", "paths"),
        [
            ({"generator": "random", "first": 1}, ["/stages/generator", "/stages/step"]),
            ({"generator": "linear", "first": 0, "step": 0}, ["/stages/first", "/stages/step"]),
            ({"generator": "exponential", "first": 5, "factor": 1}, ["/stages/factor"]),
            ({"generator": "linear", "first": 1, "step": 1}, ["/stages"]),
            ({"generator": "linear", "first": 10, "step": 20, "factor": 2}, ["/stages/factor"]),
        ],
    )
    def test_every_fault_has_a_pointer(self, generator: Any, paths: list[str]) -> None:
        assert faults({"stages": generator}) == paths

    @given(st.floats(0.001, 100), st.floats(0.001, 100))
    def test_rise_to_everybody_or_are_refused(self, first: float, step: float) -> None:
        try:
            plan = parse_plan({"stages": {"generator": "linear", "first": first, "step": step}}, PRODUCTION)
        except Invalid:
            return
        weights = [stage.weight for stage in plan.stages]
        assert weights == sorted(set(weights))
        assert weights[-1] == TOTAL_WEIGHT


class TestStrategies:
    @pytest.mark.parametrize("environment", list(Environment))
    @pytest.mark.parametrize("strategy", list(Strategy))
    def test_defaults_survive_a_trip_through_json(self, environment: Environment, strategy: Strategy) -> None:
        plan = parse_plan({"strategy": strategy.value}, environment, watched=True)
        assert plan == default_plan(environment, strategy)
        assert stored_plan(plan.to_json(), environment) == plan

    def test_bake_in_production_is_as_long_as_each_needs(self) -> None:
        bakes = {each: default_plan(PRODUCTION, each).bake for each in Strategy}
        minutes = {each.value: bake.total_seconds() / 60 for each, bake in bakes.items()}
        assert minutes == {"direct": 10, "canary": 30, "rolling": 30, "blue-green": 15}

    def test_what_was_stored_before_means_what_it_meant(self) -> None:
        old = stored_plan({"strategy": "canary", "initial_delay_seconds": 120.0}, PRODUCTION)
        assert (old.converge, old.on_conflict) == (0.0, OnConflict.REJECT)

    @pytest.mark.parametrize(
        ("raw", "paths"),
        [
            ({"batches": {"size": 1}}, ["/batches"]),
            ({"blue_green": {}, "strategy": "canary"}, ["/blue_green"]),
            ({"strategy": "rolling", "stages": [10, 100]}, ["/stages"]),
            ({"strategy": "rolling", "audience": {"mode": "subject"}}, ["/audience/mode"]),
            ({"strategy": "rolling", "batches": {"size": 0}}, ["/batches/size"]),
            ({"strategy": "rolling", "batches": {"size": 1, "percent": 5}}, ["/batches/size"]),
            ({"strategy": "rolling", "batches": {"order_by": ["name"]}}, ["/batches/order_by"]),
            ({"strategy": "blue-green", "blue_green": {"smoke": ["ftp://x"]}}, ["/blue_green/smoke"]),
            ({"audience": {"include": ["a"]}}, ["/audience/mode"]),
            ({"audience": {"mode": "tenant", "include": ["a"], "exclude": ["a"]}}, ["/audience/exclude"]),
            ({"audience": {"mode": "tenant", "include": [1]}}, ["/audience/include/0"]),
            ({"converge": 2}, ["/converge"]),
            ({"window": "No Name"}, ["/window"]),
            ({"on_conflict": "fight"}, ["/on_conflict"]),
        ],
    )
    def test_what_belongs_to_another_is_refused(self, raw: Any, paths: list[str]) -> None:
        assert faults(raw) == paths

    def test_batches_are_alike_and_their_share_grows(self) -> None:
        plan = parse_plan({"strategy": "rolling", "batches": {"size": 3}}, PRODUCTION)
        assert plan.stage(17) == plan.stages[0]
        assert [plan.percent(index, 4) for index in range(4)] == [25, 50, 75, 100]
