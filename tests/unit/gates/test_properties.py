import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.canonical import canonical_bytes
from domain.errors import Invalid
from domain.gates import (
    FORMULA,
    Baseline,
    Counts,
    ErrorRateGate,
    FixForward,
    FormulaUnknown,
    GateSpec,
    GateState,
    HardStop,
    Judgement,
    LatencyGate,
    NamedGate,
    Observation,
    ProviderError,
    Reading,
    Role,
    SampleRatio,
    StageClock,
    Verdict,
    judge,
    parse_gate_spec,
    replay,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, math.inf)

specs = st.builds(
    GateSpec,
    error_rate=st.builds(
        ErrorRateGate, increase=st.floats(0, 0.5), weight=st.floats(0.01, 100), min_abs_effect=st.floats(0, 0.5)
    ),
    latency=st.none() | st.builds(LatencyGate, ratio=st.floats(1, 3), quantile=st.floats(0.9, 0.999)),
    alpha_total=st.floats(1e-6, 0.25),
    min_requests=st.integers(1, 2000),
    min_checks=st.integers(1, 6),
    hard_stop=st.builds(HardStop, error_rate=st.floats(0.01, 1)),
    tail_latency=st.none() | st.builds(LatencyGate, ratio=st.floats(1, 3), quantile=st.just(0.99)),
    sample_ratio=st.none() | st.builds(SampleRatio, tolerance=st.floats(0, 2)),
    fix_forward=st.none() | st.builds(FixForward, max_error_rate=st.floats(0.01, 0.5)),
    signals=st.just(()) | st.just((NamedGate("carts", error_rate=ErrorRateGate(), metrics={"key": "carts"}),)),
)
pasts = st.none() | st.builds(
    Baseline,
    windows=st.integers(0, 96),
    requests=st.integers(10**4, 10**6) | st.just(0),
    errors=st.integers(0, 10**4),
    phi=st.floats(1, 20),
    unhealthy=st.booleans(),
)
clocks = st.builds(
    StageClock,
    index=st.integers(0, 3),
    soaked_s=st.floats(0, 4000),
    min_soak_s=st.floats(0, 700),
    max_soak_reached=st.booleans(),
    control_expected=st.booleans(),
    share=st.none() | st.floats(0.01, 0.99),
)


@st.composite
def counts(draw: st.DrawFn, most: int = 3000) -> Counts:
    requests = draw(st.integers(0, most))
    errors = draw(st.sampled_from([0, 0, requests // 200, requests // 100, requests // 10]) | st.integers(0, requests))
    if draw(st.booleans()):
        return Counts(requests, errors)
    cuts = sorted(draw(st.lists(st.integers(0, requests), min_size=5, max_size=5)))
    return Counts(requests, errors, tuple(zip(BOUNDS, (*cuts, requests), strict=True)))


@st.composite
def observations(draw: st.DrawFn) -> list[Observation]:
    """Mostly growing counters, with outages, silences, resets and stale instants among them."""
    seen: list[Observation] = []
    arms: list[Counts | None] = [Counts(0, 0, tuple((bound, 0) for bound in BOUNDS))] * 2
    for minute in range(draw(st.integers(1, 8))):
        kind = draw(st.sampled_from(["grow", "grow", "grow", "grow", "error", "silent", "reset", "stale"]))
        if kind == "error":
            seen.append(ProviderError(draw(st.sampled_from(["unreachable", "ambiguous_series"]))))
            continue
        arms = [draw(counts(50)) if kind == "reset" else grown(arm, draw(counts())) for arm in arms]
        at = START + timedelta(minutes=-minute if kind == "stale" else minute)
        shown = [None if kind == "silent" and draw(st.booleans()) else arm for arm in arms]
        seen.append(Reading(at, *shown, synthetic=draw(st.none() | st.booleans())))
    return seen


def grown(arm: Counts | None, more: Counts) -> Counts:
    if arm is None:
        return more
    both = zip(arm.buckets, more.buckets, strict=False)
    buckets = tuple((bound, low + high) for (bound, low), (_, high) in both)
    return Counts(arm.requests + more.requests, arm.errors + more.errors, buckets)


@st.composite
def runs(draw: st.DrawFn) -> list[Judgement]:
    spec, done = draw(specs), []
    state = GateState(baseline=draw(pasts))
    stage = 0
    for observation in draw(observations()):
        clock = draw(clocks)
        stage = max(stage, clock.index)
        clock = replace(clock, index=stage)
        named = {"carts": observation} if draw(st.booleans()) else {}
        done.append(judge(spec, state, observation, clock, named))
        state = done[-1].state
    return done


class TestRecord:
    @pytest.mark.req("S48")
    @patient
    @given(runs())
    def test_every_judgement_replays_to_the_same_bits(self, run: list[Judgement]) -> None:
        for outcome in run:
            stored = json.loads(json.dumps(outcome.to_json(), allow_nan=False))
            assert replay(stored) == outcome
            assert replay(stored).to_json() == stored

    @pytest.mark.req("S48")
    @patient
    @given(runs())
    def test_canonical_bytes_lose_nothing(self, run: list[Judgement]) -> None:
        for outcome in run:
            assert replay(json.loads(canonical_bytes(outcome.to_json()))) == outcome

    @patient
    @given(specs)
    def test_a_spec_survives_json(self, spec: GateSpec) -> None:
        assert parse_gate_spec(json.loads(json.dumps(spec.to_json()))) == spec

    @patient
    @given(runs())
    def test_a_state_survives_json(self, run: list[Judgement]) -> None:
        state = run[-1].state
        assert GateState.from_json(json.loads(json.dumps(state.to_json(), allow_nan=False))) == state

    def test_another_formula_is_refused(self) -> None:
        record = judge(GateSpec(), GateState(), ProviderError("unreachable"), StageClock(0, 0, 0)).to_json()
        assert record["formula"] == FORMULA
        with pytest.raises(FormulaUnknown):
            replay({**record, "formula": "gates/0"})

    @pytest.mark.parametrize("record", [{}, None, [], {"formula": FORMULA, "before": {}}])
    def test_something_else_is_refused(self, record: object) -> None:
        with pytest.raises(Invalid):
            replay(record)


class TestEveryRun:
    @pytest.mark.req("S51", "S58")
    @patient
    @given(runs())
    def test_pass_and_fail_need_a_window_or_a_probe_that_fell(self, run: list[Judgement]) -> None:
        for outcome in run:
            fallen = outcome.state.falls >= outcome.spec.hard_stop.synthetic_checks
            if outcome.verdict is Verdict.PASS or (outcome.verdict is Verdict.FAIL and not fallen):
                assert outcome.window is not None
                assert outcome.window.candidate.requests > 0

    @pytest.mark.req("S58", "S35")
    @patient
    @given(runs())
    def test_pass_needs_soak_and_checks_of_the_stage(self, run: list[Judgement]) -> None:
        for outcome in run:
            if outcome.verdict is Verdict.PASS:
                assert outcome.stage.soaked_s >= outcome.stage.min_soak_s
                assert outcome.state.stage_checks >= outcome.spec.min_checks
                guardrails = [metric for metric in outcome.metrics if metric.role is Role.GUARDRAIL]
                assert all(metric.verdict is Verdict.PASS for metric in guardrails)
                assert not any(kept.regressed for kept in outcome.state.named.values())
                assert not outcome.hold

    @pytest.mark.req("S56", "S57")
    @patient
    @given(runs())
    def test_windows_follow_each_other(self, run: list[Judgement]) -> None:
        windows = [outcome.window for outcome in run if outcome.window is not None]
        assert all(window.since < window.until for window in windows)
        assert all(before.until <= after.since for before, after in pairwise(windows))

    @pytest.mark.req("S53")
    @patient
    @given(runs())
    def test_without_a_window_evidence_stays(self, run: list[Judgement]) -> None:
        for outcome in run:
            if outcome.window is None:
                assert outcome.state.errors == outcome.before.errors
                assert outcome.state.latency == outcome.before.latency
                assert outcome.cause is not None

    @patient
    @given(runs())
    def test_inconclusive_only_at_max_soak(self, run: list[Judgement]) -> None:
        for outcome in run:
            if outcome.verdict is Verdict.INCONCLUSIVE:
                assert outcome.stage.max_soak_reached

    @patient
    @given(runs())
    def test_anytime_p_value_never_rises(self, run: list[Judgement]) -> None:
        values = [outcome.metrics[0].p_value for outcome in run]
        assert all(0 <= later <= earlier <= 1 for earlier, later in pairwise(values))
