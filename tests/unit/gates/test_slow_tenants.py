"""Tenants are slow in their own way, and are not blamed for it."""

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
    Judgement,
    LatencyGate,
    StageClock,
    Verdict,
    cohort_baseline_of,
    judge,
    replay,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
SPEC = GateSpec(latency=LatencyGate())
BOUNDS = (0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.2, 2.4, 4.8, math.inf)
SLUGS = [f"t{number:02}" for number in range(20)]
CANARY = ("t00", "t01", "t02", "t03")


class Tenants:
    """Log-normal latencies around a median of each tenant's own."""

    def __init__(self, seed: int, spread: float, factor: float) -> None:
        self._draw = np.random.default_rng(seed)
        medians = 0.05 * self._draw.lognormal(0, spread, 20)
        slower = np.where([slug in CANARY for slug in SLUGS], factor, 1.0)
        self._before, self._now = (
            np.array([shares(median) for median in each]) for each in (medians, medians * slower)
        )
        self._volumes = np.maximum(1, (300 * self._draw.lognormal(0, 0.5, 20)).astype(int))
        self._heights = np.zeros((20, len(BOUNDS)), dtype=np.int64)

    def reading(self, at: datetime, minutes: int, *, now: bool = True) -> CohortReading:
        rates = self._now if now else self._before
        self._heights += self._draw.multinomial(self._volumes * minutes, rates).cumsum(axis=1)
        buckets = [tuple(zip(BOUNDS, map(int, heights), strict=True)) for heights in self._heights]
        return CohortReading(
            at, {slug: Counts(each[-1][1], 0, each) for slug, each in zip(SLUGS, buckets, strict=True)}
        )

    def past(self) -> Baseline:
        readings = [self.reading(START - timedelta(minutes=15 * (96 - k)), 15, now=False) for k in range(97)]
        return cohort_baseline_of(readings, (), SPEC.latencies)


def shares(median: float) -> list[float]:
    below = [0.5 * math.erfc(-math.log(bound / median) / math.sqrt(2)) for bound in BOUNDS[:-1]]
    return [high - low for low, high in zip([0.0, *below], [*below, 1.0], strict=True)]


def run(seed: int, factor: float, checks: int = 30) -> Judgement:
    tenants = Tenants(seed, 0.5, factor)
    past = tenants.past()
    state = GateState(baseline=past)
    for minute in range(checks + 1):
        reading = tenants.reading(START + timedelta(minutes=minute), 1)
        judged = judge(SPEC, state, reading, StageClock(0, 0, 1, candidates=CANARY))
        state = judged.state
        if judged.metrics[-1].verdict is Verdict.FAIL:
            break
    return judged


def failed(factor: float, seeds: int = 200) -> int:
    return sum(run(seed, factor).metrics[-1].verdict is Verdict.FAIL for seed in range(seeds))


class TestSlowTenants:
    @pytest.mark.req("S27", "S30")
    def test_that_always_were_are_left_alone(self) -> None:
        assert failed(1.0) <= 10

    @pytest.mark.req("S27", "S30")
    def test_that_became_three_times_as_slow_are_found_in_half_an_hour(self) -> None:
        assert failed(3.0) >= 180

    @pytest.mark.req("S48")
    def test_say_what_they_are_blamed_for_and_replay(self) -> None:
        judged = run(1, 3.0)
        assert judged.sentence.startswith("p95 of tenants: over ")
        assert replay(json.loads(json.dumps(judged.to_json()))) == judged
