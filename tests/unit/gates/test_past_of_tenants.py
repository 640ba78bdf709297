"""Tenants are unlike each other: each is compared with its own past, and both cohorts with each other."""

import json
import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from domain.gates import (
    Baseline,
    CohortReading,
    Counts,
    GateSpec,
    GateState,
    Observation,
    StageClock,
    Verdict,
    cohort_baseline_of,
    judge,
    replay,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
SPEC = GateSpec()


class Tenants:
    """Twenty tenants unlike each other in traffic and in errors, of which two get the candidate."""

    def __init__(self, seed: int, spread: float) -> None:
        self._draw = np.random.default_rng(seed)
        volumes = self._draw.lognormal(0, 1, 20)
        self._volumes = 6000 * volumes / volumes.sum()
        self._rates = np.minimum(0.01 * self._draw.lognormal(0, spread, 20), 0.5)
        self._totals = np.zeros((20, 2), dtype=np.int64)
        self.slugs = [f"t{number:02}" for number in range(20)]
        self.canary = ("t00", "t01")

    def reading(self, minutes: float, at: datetime, ratio: float) -> CohortReading:
        factor = np.array([ratio if slug in self.canary else 1.0 for slug in self.slugs])
        served = self._draw.poisson(self._volumes * minutes)
        self._totals[:, 0] += served
        self._totals[:, 1] += self._draw.binomial(served, np.minimum(self._rates * factor, 1.0))
        counted = {slug: Counts(int(n), int(x)) for slug, (n, x) in zip(self.slugs, self._totals, strict=True)}
        return CohortReading(at, counted)

    def past(self) -> Baseline:
        first = START - timedelta(hours=24)
        return cohort_baseline_of([self.reading(15, first + timedelta(minutes=15 * k), 1.0) for k in range(97)])


def cohort_run(seed: int, spread: float, ratio: float, *, own: bool, checks: int = 60) -> int | None:
    """The check that fails the two tenants' candidate."""
    tenants = Tenants(seed, spread)
    past = tenants.past()
    state = GateState(baseline=past) if own else GateState()
    clock = StageClock(0, 0, 1, candidates=tenants.canary)
    for minute in range(checks + 1):
        judged = judge(SPEC, state, tenants.reading(1, START + timedelta(minutes=minute), ratio), clock)
        state = judged.state
        if judged.verdict is Verdict.FAIL:
            return minute
    return None


class TestTenants:
    @pytest.mark.req("S30")
    @pytest.mark.parametrize("spread", [0.5, 1.0])
    def test_of_an_identical_version_are_left_alone(self, spread: float) -> None:
        assert sum(cohort_run(seed, spread, 1.0, own=True) is not None for seed in range(200)) <= 10

    @pytest.mark.req("S30")
    def test_would_not_be_without_their_past(self) -> None:
        assert sum(cohort_run(seed, 0.5, 1.0, own=False) is not None for seed in range(100)) > 10

    @pytest.mark.req("S30")
    def test_with_twice_the_errors_are_found(self) -> None:
        assert sum(cohort_run(seed, 0.5, 2.0, own=True) is not None for seed in range(200)) >= 190

    def test_that_come_to_it_count_from_then_on(self) -> None:
        """What they did before is no deed of the candidate, and none of the control either."""
        past = Baseline(96, 20_000, 200, tenants={"a": (10_000, 100), "b": (10_000, 100)})
        state = GateState(baseline=past)
        stages = (StageClock(0, 0, 1, candidates=("a",)), StageClock(1, 0, 1, candidates=("a", "b")))
        for minute, clock in enumerate((stages[0], stages[0], stages[1], stages[1])):
            counted = {slug: Counts(1000 * minute, 10 * minute) for slug in ("a", "b", "c")}
            state = judge(SPEC, state, CohortReading(START + timedelta(minutes=minute), counted), clock).state
        assert (state.errors.candidate, state.errors.control) == (1000 + 1000 + 2000, 2000 + 1000 + 1000)

    @pytest.mark.req("S53")
    def test_one_that_counts_anew_is_left_out_of_that_window_alone(self) -> None:
        state = GateState(baseline=Baseline())
        clock = StageClock(0, 0, 1, candidates=("a",))
        seen = [(1000, 1000, 1000), (2000, 2000, 2000), (3000, 2500, 10), (4000, 3000, 500)]
        for minute, counts in enumerate(seen):
            counted = {slug: Counts(n, 0) for slug, n in zip(("a", "b", "c"), counts, strict=True)}
            state = judge(SPEC, state, CohortReading(START + timedelta(minutes=minute), counted), clock).state
        assert (state.resets, state.errors.candidate) == (1, 3000)
        assert state.errors.control == 1000 + 1000 + 500 + 500 + 490

    def test_say_how_they_stand_to_their_own_past(self) -> None:
        past = Baseline(96, 20_000, 200, tenants={"a": (10_000, 150), "b": (10_000, 50)})
        state = GateState(baseline=past)
        for minute in range(2):
            counted = {"a": Counts(1000 * minute, 15 * minute), "b": Counts(1000 * minute, 5 * minute)}
            judged = judge(
                SPEC,
                state,
                CohortReading(START + timedelta(minutes=minute), counted),
                StageClock(0, 0, 1, candidates=("a",)),
            )
            state = judged.state
        assert judged.sentence.startswith("errors 1x those of its tenants' own past against 0.995x of the others'")
        assert judged.metrics[0].interval is not None

    @pytest.mark.req("S48")
    def test_replay_bit_by_bit(self) -> None:
        tenants = Tenants(3, 0.5)
        state = GateState(baseline=tenants.past())
        for minute in range(5):
            reading: Observation = tenants.reading(1, START + timedelta(minutes=minute), 1.5)
            judged = judge(SPEC, state, reading, StageClock(0, 0, 1, candidates=tenants.canary))
            state = judged.state
            assert replay(json.loads(json.dumps(judged.to_json()))) == judged


class TestSilence:
    @pytest.mark.req("S54")
    def test_of_the_tenants_with_it_beside_busy_others_is_told(self) -> None:
        state, clock = GateState(baseline=Baseline()), StageClock(0, 0, 1, candidates=("a",))
        for minute in range(2):
            counted = {"a": Counts(100, 0), "b": Counts(100 * minute, 0)}
            judged = judge(SPEC, state, CohortReading(START + timedelta(minutes=minute), counted), clock)
            state = judged.state
        assert (judged.cause, judged.verdict, judged.silent) == ("no_candidate_requests", Verdict.NO_DATA, True)


class TestIdle:
    def test_log_of_nothing_is_nothing(self) -> None:
        state = GateState(baseline=Baseline())
        judged = judge(SPEC, state, CohortReading(START, {}), StageClock(0, 0, 1, candidates=("a",)))
        assert (judged.verdict, judged.cause) == (Verdict.NO_DATA, "no_candidate_series")
        assert math.isclose(judged.state.errors.log_harm, 0.0)
