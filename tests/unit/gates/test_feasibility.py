"""What a gate could see, beside the table of fixed samples and beside the gate itself."""

from datetime import timedelta

import numpy as np
import pytest

from application.gates.feasibility import foreseen
from domain.environments import Environment
from domain.gates import Baseline, Counts, FixForward, GateSpec, GateState, Reading, StageClock, Verdict, judge
from domain.gates.feasibility import PEEKING, min_detectable_ratio, requests_needed
from domain.rollouts import parse_plan
from tests.world import START

NEEDED = {
    0.05: (54_451, 3_815, 739, 236, 30),
    0.01: (284_265, 20_034, 3_928, 1_281, 188),
    0.002: (1_433_332, 101_129, 19_872, 6_504, 979),
    0.0005: (5_740_000, 405_233, 79_662, 26_090, 3_942),
}
RATIOS = (1.05, 1.2, 1.5, 2.0, 5.0)


class TestRequestsNeeded:
    @pytest.mark.req("S45")
    @pytest.mark.parametrize("rate", NEEDED)
    def test_are_those_of_the_table(self, rate: float) -> None:
        found = [requests_needed(rate, ratio, 9.0) for ratio in RATIOS]
        assert found == pytest.approx(NEEDED[rate], rel=0.002, abs=1)

    def test_are_more_where_errors_come_in_bursts(self) -> None:
        assert requests_needed(0.01, 2.0, 9.0, phi=5.0) == pytest.approx(5 * requests_needed(0.01, 2.0, 9.0))


class TestMinDetectableRatio:
    @pytest.mark.parametrize("ratio", RATIOS)
    def test_is_the_ratio_for_which_the_requests_are_enough(self, ratio: float) -> None:
        enough = PEEKING * requests_needed(0.01, ratio, 9.0)
        assert min_detectable_ratio(0.01, enough, 9 * enough) == pytest.approx(ratio, rel=1e-4)

    def test_falls_with_every_request(self) -> None:
        found = [min_detectable_ratio(0.01, n, 9 * n) or 0.0 for n in (100, 1000, 10_000, 100_000)]
        assert found == sorted(found, reverse=True)

    @pytest.mark.parametrize(
        ("rate", "candidate", "control"), [(0.01, 0, 10), (0.01, 10, 0), (0.0, 9, 9), (0.5, 3, 27)]
    )
    def test_is_none_where_nothing_could_be_seen(self, rate: float, candidate: float, control: float) -> None:
        assert min_detectable_ratio(rate, candidate, control) is None

    @pytest.mark.req("S45")
    def test_is_what_the_gate_finds_four_times_of_five(self) -> None:
        """The promise is kept by the gate itself, over 200 seeds."""
        ratio = min_detectable_ratio(0.01, 3600, 32_400)
        assert ratio is not None
        found = sum(_found(seed, ratio) for seed in range(200))
        assert found >= 160


def _found(seed: int, ratio: float) -> bool:
    draw, state, totals = np.random.default_rng(seed), GateState(), [[0, 0], [0, 0]]
    for minute in range(61):
        reading = Reading(START + timedelta(minutes=minute), *(Counts(n, x) for n, x in totals))
        judged = judge(GateSpec(), state, reading, StageClock(0, 0, 1))
        state = judged.state
        if judged.verdict is Verdict.FAIL:
            return True
        for arm, (requests, rate) in zip(totals, ((60, 0.01 * ratio), (540, 0.01)), strict=True):
            arm[0] += requests
            arm[1] += int(draw.binomial(requests, rate))
    return False


class TestForeseen:
    PAST = Baseline(96, 864_000, 8_640, since=START, until=START + timedelta(days=1))

    def test_of_what_was_never_counted_is_unknown_and_holds_nobody_up(self) -> None:
        found = foreseen(parse_plan({}, Environment.PRODUCTION), GateSpec(), Baseline())
        assert (found.known, found.feasible, found.min_detectable_ratio) == (False, True, None)

    def test_counts_each_stage_to_the_end_of_its_longest_soak(self) -> None:
        found = foreseen(parse_plan({}, Environment.PRODUCTION), GateSpec(), self.PAST)
        assert [each.percent for each in found.stages] == [10, 25, 50]
        assert [each.requests for each in found.stages] == [3600, 9000, 18_000]
        assert found.min_detectable_ratio == min_detectable_ratio(8640.5 / 864_001, 3600.0, 32_400.0)
        assert found.feasible

    def test_without_a_stage_compares_the_bake_with_the_past(self) -> None:
        raw = {"strategy": "direct", "bake_seconds": 3600}
        found = foreseen(parse_plan(raw, Environment.PRODUCTION), GateSpec(), self.PAST)
        assert [(each.percent, each.requests) for each in found.stages] == [(100.0, 36_000)]

    def test_holds_what_is_fixed_forward_to_its_promise(self) -> None:
        found = foreseen(parse_plan({}, Environment.PRODUCTION), GateSpec(fix_forward=FixForward(0.1)), self.PAST)
        assert found.rate == 0.1
