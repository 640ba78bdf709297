import math
from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import Invalid
from domain.gates import (
    Counts,
    GateSpec,
    GateState,
    LatencyGate,
    Reading,
    StageClock,
    Verdict,
    judge,
    replay,
)
from domain.gates.latency import ThresholdOutsideBuckets, frozen_threshold, quantile_of

START = datetime(2026, 1, 1, tzinfo=UTC)


class TestLatencyLimit:
    HISTOGRAM = ((0.1, 900), (0.25, 960), (0.5, 990), (1.0, 1000), (math.inf, 1000))

    def test_quantile_is_linear_inside_its_bucket(self) -> None:
        assert quantile_of(self.HISTOGRAM, 0.95) == pytest.approx(0.1 + 0.15 * 50 / 60)

    def test_limit_is_the_next_boundary(self) -> None:
        for gate, limit in ((LatencyGate(), 0.5), (LatencyGate(min_abs_effect_s=0.4), 1.0)):
            assert frozen_threshold(self.HISTOGRAM, gate) == pytest.approx((limit, 0.225))

    def test_few_requests_freeze_nothing(self) -> None:
        assert frozen_threshold(((0.1, 199), (math.inf, 199)), LatencyGate()) is None
        assert frozen_threshold((), LatencyGate()) is None

    def test_beyond_the_last_finite_bucket_is_refused(self) -> None:
        with pytest.raises(ThresholdOutsideBuckets):
            frozen_threshold(self.HISTOGRAM, LatencyGate(ratio=5.0))
        with pytest.raises(ThresholdOutsideBuckets):
            frozen_threshold(((0.1, 500), (math.inf, 1000)), LatencyGate())


def clocked(minute: int, candidate: tuple[int, ...], control: tuple[int, ...]) -> Reading:
    """Cumulative heights at 0.1, 0.5, 1 s and infinity."""
    bounds = (0.1, 0.5, 1.0, math.inf)
    arms = [Counts(arm[-1], 0, tuple(zip(bounds, arm, strict=True))) for arm in (candidate, control)]
    return Reading(START + timedelta(minutes=minute), *arms)


class TestLatencyGate:
    SPEC = GateSpec(latency=LatencyGate())
    CLOCK = StageClock(0, 600, 600)

    def run(self, candidate: tuple[int, ...], control: tuple[int, ...], checks: int = 8) -> list[Verdict]:
        state, verdicts = GateState(), []
        for k in range(checks):
            arms = [tuple(height * k for height in arm) for arm in (candidate, control)]
            outcome = judge(self.SPEC, state, clocked(k, arms[0], arms[1]), self.CLOCK)
            state = outcome.state
            verdicts.append(outcome.metrics[-1].verdict)
        return verdicts

    def test_fast_passes(self) -> None:
        assert self.run((490, 499, 500, 500), (4400, 4490, 4500, 4500))[-1] is Verdict.PASS

    @pytest.mark.req("S27")
    def test_slow_fails_and_says_so(self) -> None:
        assert Verdict.FAIL in self.run((300, 400, 500, 500), (4400, 4490, 4500, 4500))

    @pytest.mark.req("S28")
    def test_slow_beside_a_slow_control_does_not_fail(self) -> None:
        state, fast, verdicts = GateState(), (4400, 4490, 4500, 4500), []
        for k in range(3):
            reading = clocked(k, (490 * k, 499 * k, 500 * k, 500 * k), tuple(height * k for height in fast))
            state = judge(self.SPEC, state, reading, self.CLOCK).state
        for k in range(1, 8):
            candidate = (980 + 300 * k, 998 + 400 * k, 1000 + 500 * k, 1000 + 500 * k)
            control = (8800 + 2700 * k, 8980 + 3600 * k, 9000 + 4500 * k, 9000 + 4500 * k)
            outcome = judge(self.SPEC, state, clocked(2 + k, candidate, control), self.CLOCK)
            state = outcome.state
            verdicts.append(outcome.metrics[-1].verdict)
        assert Verdict.FAIL not in verdicts
        assert verdicts[-1] is Verdict.PASS

    def test_limit_outside_the_buckets_is_a_provider_error(self) -> None:
        verdicts = self.run((10, 20, 100, 500), (90, 180, 900, 4500), 3)
        assert verdicts[1:] == [Verdict.PROVIDER_ERROR] * 2

    def test_no_histogram_is_no_data(self) -> None:
        state = GateState()
        for k in range(8):
            reading = Reading(START + timedelta(minutes=k), Counts(600 * k, 6 * k), Counts(5400 * k, 54 * k))
            outcome = judge(self.SPEC, state, reading, self.CLOCK)
            state = outcome.state
        assert outcome.metrics[0].verdict is Verdict.PASS
        assert outcome.verdict is Verdict.NO_DATA

    @pytest.mark.req("S53")
    def test_other_buckets_after_freezing_are_named(self) -> None:
        state = GateState()
        for k in range(3):
            reading = clocked(k, (490 * k, 499 * k, 500 * k, 500 * k), (4400 * k, 4490 * k, 4500 * k, 4500 * k))
            state = judge(self.SPEC, state, reading, self.CLOCK).state
        causes = []
        for k in range(3, 5):
            arms = [Counts(n * k, 0, ((0.3, n * k), (math.inf, n * k))) for n in (500, 4500)]
            outcome = judge(self.SPEC, state, Reading(START + timedelta(minutes=k), *arms), self.CLOCK)
            state = outcome.state
            causes.append((outcome.cause, outcome.verdict))
        assert causes == [
            ("counter_reset", Verdict.CONTINUE),
            ("latency_buckets_changed", Verdict.PROVIDER_ERROR),
        ]

    def test_a_histogram_that_goes_missing_adds_no_evidence(self) -> None:
        state = GateState()
        for k in range(3):
            reading = clocked(k, (490 * k, 499 * k, 500 * k, 500 * k), (4400 * k, 4490 * k, 4500 * k, 4500 * k))
            state = judge(self.SPEC, state, reading, self.CLOCK).state
        outcome = judge(
            self.SPEC, state, Reading(START + timedelta(minutes=3), Counts(1500, 0), Counts(13500, 0)), self.CLOCK
        )
        assert outcome.state.latency == state.latency
        assert outcome.verdict is Verdict.NO_DATA

    def test_evidence_of_another_grid_is_refused(self) -> None:
        record = judge(self.SPEC, GateState(), clocked(0, (1, 1, 1, 1), (1, 1, 1, 1)), self.CLOCK).to_json()
        record["before"]["errors"]["harm"].append(0.0)
        with pytest.raises(Invalid):
            replay(record)
