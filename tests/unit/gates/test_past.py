"""What a gate knows of the time before the rollout, and what follows from it."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from domain.gates import (
    Baseline,
    BaselineHealthy,
    BaselineUnhealthy,
    Counts,
    ErrorRateGate,
    FixForward,
    GateSpec,
    GateState,
    Judgement,
    Reading,
    StageClock,
    Unit,
    Verdict,
    baseline_of,
    check_fix_forward,
    judge,
    replay,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
SPEC = GateSpec()
SOAKING = StageClock(0, 0, 1)
Draw = np.random.Generator


def control_only(counts: Sequence[tuple[int, int]]) -> list[Reading]:
    """Readings whose windows are these (requests, errors)."""
    requests = errors = 0
    readings = [Reading(START, None, Counts(0, 0))]
    for minute, (n, x) in enumerate(counts, 1):
        requests, errors = requests + n, errors + x
        readings.append(Reading(START + timedelta(minutes=minute), None, Counts(requests, errors)))
    return readings


class TestPhi:
    def test_is_one_where_errors_come_one_by_one(self) -> None:
        draw = np.random.default_rng(1)
        windows = [(1000, int(draw.binomial(1000, 0.01))) for _ in range(96)]
        assert baseline_of(control_only(windows)).phi == pytest.approx(1.0, abs=0.35)

    def test_is_what_bursts_make_of_it(self) -> None:
        windows = [(1000, 50 if number % 5 == 0 else 0) for number in range(100)]
        assert baseline_of(control_only(windows)).phi == pytest.approx(40.4, abs=30.4)
        assert baseline_of(control_only(windows)).phi == 20.0

    def test_of_fewer_than_sixty_windows_is_one(self) -> None:
        windows = [(1000, 50 if number % 5 == 0 else 0) for number in range(59)]
        assert baseline_of(control_only(windows)).phi == 1.0

    def test_of_a_young_source_is_that_of_its_last_hour(self) -> None:
        bursts = control_only([(1000, 50 if number % 5 == 0 else 0) for number in range(60)])
        assert baseline_of(control_only([(100, 1)]), bursts).phi > 5

    def test_never_counts_a_window_in_which_a_counter_began_anew(self) -> None:
        readings = [*control_only([(100, 1)] * 70)]
        again = [Reading(each.at + timedelta(hours=2), None, each.control) for each in readings]
        known = baseline_of([*readings, *again])
        assert (known.windows, known.requests, known.errors) == (140, 14_000, 140)


class TestFixForward:
    BROKEN = baseline_of((), control_only([(100, 25)] * 60))

    def test_ten_minutes_of_a_fifth_are_unhealthy(self) -> None:
        assert self.BROKEN.unhealthy
        assert not baseline_of((), control_only([(100, 25)] * 59 + [(100, 19)])).unhealthy

    def test_is_asked_for_where_what_is_stable_is_broken(self) -> None:
        with pytest.raises(BaselineUnhealthy):
            check_fix_forward(SPEC, self.BROKEN)
        check_fix_forward(GateSpec(fix_forward=FixForward()), self.BROKEN)

    def test_is_refused_where_what_is_stable_is_healthy(self) -> None:
        with pytest.raises(BaselineHealthy):
            check_fix_forward(GateSpec(fix_forward=FixForward()), Baseline())
        check_fix_forward(SPEC, Baseline())

    @pytest.mark.parametrize(("errors", "verdict"), [(120, Verdict.FAIL), (6, Verdict.PASS)])
    def test_holds_the_candidate_to_its_own_promise(self, errors: int, verdict: Verdict) -> None:
        """Twelve per cent are half of what is stable, and still more than the five that were promised."""
        spec = GateSpec(fix_forward=FixForward(0.05))
        state = GateState(baseline=self.BROKEN)
        for minute in range(8):
            counts = Counts(1000 * minute, errors * minute), Counts(1000 * minute, 250 * minute)
            judged = judge(spec, state, Reading(START + timedelta(minutes=minute), *counts), StageClock(0, 600, 600))
            state = judged.state
            if judged.verdict is Verdict.FAIL:
                break
        assert judged.verdict is verdict
        assert "allowed" in judged.sentence


class TestBake:
    PAST = Baseline(windows=96, requests=100_000, errors=1000)
    ALONE = StageClock(3, 0, 0, control_expected=False)

    def run(self, errors: int, baseline: Baseline) -> Judgement:
        state = GateState(baseline=baseline)
        for minute in range(11):
            reading = Reading(START + timedelta(minutes=minute), Counts(1000 * minute, errors * minute), None)
            judged = judge(SPEC, state, reading, self.ALONE)
            state = judged.state
            if judged.verdict is Verdict.FAIL:
                break
        return judged

    def test_is_compared_with_the_time_before_the_rollout(self) -> None:
        assert self.run(10, self.PAST).verdict is Verdict.PASS
        assert self.run(20, self.PAST).verdict is Verdict.FAIL
        assert "before the rollout" in self.run(20, self.PAST).sentence

    def test_without_a_past_decides_by_nothing_but_the_hard_stop(self) -> None:
        assert self.run(20, Baseline()).verdict is Verdict.CONTINUE

    @pytest.mark.req("S48")
    def test_replays(self) -> None:
        judged = self.run(20, self.PAST)
        assert replay(json.loads(json.dumps(judged.to_json()))) == judged


def bursty(draw: Draw, requests: int, rate: float, phi: float) -> int:
    """Errors of one window with variance phi times their mean: a negative binomial."""
    mean = requests * rate
    return min(requests, int(draw.poisson(draw.gamma(mean / (phi - 1), phi - 1))))


def failed_in_bursts(seed: int, ratio: float, phi: float, *, corrected: bool) -> bool:
    draw = np.random.default_rng(seed)
    past = control_only([(6000, bursty(draw, 6000, 0.01, phi)) for _ in range(96)])
    state = GateState(baseline=baseline_of(past)) if corrected else GateState()
    totals = [[0, 0], [0, 0]]
    for minute in range(61):
        reading = Reading(START + timedelta(minutes=minute), *(Counts(n, x) for n, x in totals))
        judged = judge(SPEC, state, reading, SOAKING)
        state = judged.state
        if judged.verdict is Verdict.FAIL:
            return True
        for arm, (requests, rate) in zip(totals, ((600, 0.01 * ratio), (5400, 0.01)), strict=True):
            arm[0] += requests
            arm[1] += bursty(draw, requests, rate, phi)
    return False


class TestBursts:
    @pytest.mark.req("S31")
    def test_of_an_identical_version_roll_nobody_back(self) -> None:
        assert sum(failed_in_bursts(seed, 1.0, 5.0, corrected=True) for seed in range(200)) <= 10

    @pytest.mark.req("S31")
    def test_would_without_the_correction(self) -> None:
        assert sum(failed_in_bursts(seed, 1.0, 5.0, corrected=False) for seed in range(200)) > 20

    @pytest.mark.req("S31")
    def test_do_not_hide_twice_the_errors(self) -> None:
        assert sum(failed_in_bursts(seed, 2.0, 5.0, corrected=True) for seed in range(200)) >= 180


class TestPoints:
    def run(self, rate: float, base: float) -> Judgement:
        spec = GateSpec(error_rate=ErrorRateGate(increase=0.005, unit=Unit.POINTS))
        state = GateState()
        for minute in range(31):
            counts = (
                Counts(6000 * minute, round(6000 * rate) * minute),
                Counts(54_000 * minute, round(54_000 * base) * minute),
            )
            judged = judge(spec, state, Reading(START + timedelta(minutes=minute), *counts), StageClock(0, 600, 600))
            state = judged.state
            if judged.verdict is Verdict.FAIL:
                break
        return judged

    def test_are_not_per_cent_of_the_control(self) -> None:
        assert self.run(0.013, 0.01).verdict is Verdict.PASS
        assert self.run(0.018, 0.01).verdict is Verdict.FAIL
        assert "(+0.8 points, limit +0.5 points)" in self.run(0.018, 0.01).sentence
