"""The literal rule is there for whoever wants it, and the tail of latency beside its body."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate

import pytest

from domain.gates import (
    Counts,
    ErrorRateGate,
    GateSpec,
    GateState,
    Judgement,
    LatencyGate,
    Mode,
    Reading,
    StageClock,
    Verdict,
    judge,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
SOAKED = StageClock(0, 600, 600)


def minutes(errors: Sequence[int]) -> list[Reading]:
    """The candidate's errors of each minute, beside a healthy control."""
    return [
        Reading(START + timedelta(minutes=minute), Counts(600 * minute, total), Counts(5400 * minute, 54 * minute))
        for minute, total in enumerate(accumulate(errors, initial=0))
    ]


class TestLiteralRule:
    SPEC = GateSpec(error_rate=ErrorRateGate(mode=Mode.THRESHOLD), min_requests=1000, min_checks=2)

    def verdicts(self, errors: Sequence[int]) -> list[Verdict]:
        state, seen = GateState(), []
        for each in minutes(errors):
            judged = judge(self.SPEC, state, each, SOAKED)
            state = judged.state
            seen.append(judged.verdict)
        return seen

    def test_fails_after_three_checks_in_a_row_once_there_were_enough_requests(self) -> None:
        assert self.verdicts([8, 8, 8, 8]) == [Verdict.CONTINUE] * 4 + [Verdict.FAIL]

    def test_forgives_two_in_a_row(self) -> None:
        assert Verdict.FAIL not in self.verdicts([8, 8, 8, 6, 8, 8, 6, 8, 8, 6])

    def test_passes_on_a_check_within_the_limit(self) -> None:
        assert self.verdicts([6, 6])[-1] is Verdict.PASS

    def test_says_what_it_counted(self) -> None:
        state = GateState()
        for each in minutes([8, 8, 8, 8]):
            judged = judge(self.SPEC, state, each, SOAKED)
            state = judged.state
        assert judged.sentence.endswith("over the limit in 3 checks in a row, 3 fail")


BOUNDS = (0.1, 0.2, 0.4, 0.8, 1.6, math.inf)


class TestTail:
    def judged(self, tail: float) -> Judgement:
        """Nineteen of twenty requests are as fast as ever; of the rest, the share `tail` takes more than 0.8 s."""
        spec, state = GateSpec(latency=LatencyGate(), tail_latency=LatencyGate(quantile=0.99)), GateState()
        for minute in range(21):
            n = 1000 * minute
            slow = round(0.04 * n), round(0.04 * n * tail)
            heights = (n - slow[0], n - slow[0], n - slow[0], n - slow[1], n - slow[1], n)
            usual = (9 * (n - slow[0]),) * 3 + (9 * (n - round(0.002 * n)), 9 * n, 9 * n)
            counts = [Counts(buckets[-1], 0, tuple(zip(BOUNDS, buckets, strict=True))) for buckets in (heights, usual)]
            judged = judge(spec, state, Reading(START + timedelta(minutes=minute), *counts), StageClock(0, 0, 1))
            state = judged.state
            if judged.verdict is Verdict.FAIL:
                break
        return judged

    def test_is_seen_by_the_gate_further_out_alone(self) -> None:
        judged = self.judged(1.0)
        assert {metric.name for metric in judged.metrics if metric.verdict is Verdict.FAIL} == {"tail_latency"}
        assert judged.sentence.startswith("p99 against 2x control")

    def test_of_usual_length_is_not(self) -> None:
        assert self.judged(0.05).verdict is Verdict.CONTINUE

    def test_shares_the_alpha_of_all(self) -> None:
        spec = GateSpec(latency=LatencyGate(), tail_latency=LatencyGate(weight=2.0))
        parts = [spec.alpha_of(gate) for gate in (spec.error_rate, spec.latency, spec.tail_latency) if gate]
        assert parts == pytest.approx([0.0125, 0.0125, 0.025])
