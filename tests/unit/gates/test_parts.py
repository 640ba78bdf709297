import math
import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from domain.environments import Environment
from domain.errors import Invalid
from domain.gates import (
    Counts,
    Gap,
    GateSpec,
    GateState,
    LatencyGate,
    MetricQuery,
    PrometheusTemplates,
    Reading,
    SourceKind,
    StageClock,
    Verdict,
    between,
    eprocess,
    judge,
    parse_gate_spec,
    parse_templates,
    replay,
)
from domain.gates.intervals import difference_interval
from domain.gates.latency import ThresholdOutsideBuckets, frozen_threshold, quantile_of

START = datetime(2026, 1, 1, tzinfo=UTC)
TEMPLATES = {"requests": 'r{v="$variant"}', "errors": 'e{v="$variant",f="$flag"}'}


def pointers(refused: pytest.ExceptionInfo[Invalid]) -> list[str]:
    return [fault.path for fault in refused.value.faults]


class TestSpec:
    def test_defaults_are_the_documented_ones(self) -> None:
        assert parse_gate_spec({}) == GateSpec()
        assert parse_gate_spec({"latency": {}}).latency == LatencyGate()

    def test_every_fault_has_its_pointer(self) -> None:
        with pytest.raises(Invalid) as refused:
            parse_gate_spec(
                {
                    "alpha_total": 0.9,
                    "min_checks": 2.5,
                    "colour": "red",
                    "error_rate": {"increase": "5 %", "a/b": 1, "max_tolerable_ratio": True},
                    "latency": {"quantile": math.nan},
                    "hard_stop": [],
                }
            )
        assert pointers(refused) == [
            "/colour",
            "/alpha_total",
            "/min_checks",
            "/error_rate/a~1b",
            "/error_rate/increase",
            "/error_rate/max_tolerable_ratio",
            "/latency/quantile",
            "/hard_stop",
        ]

    def test_tolerance_lies_above_the_limit(self) -> None:
        with pytest.raises(Invalid) as refused:
            parse_gate_spec({"error_rate": {"increase": 1.0, "max_tolerable_ratio": 2.0}})
        assert pointers(refused) == ["/error_rate/max_tolerable_ratio"]

    @pytest.mark.parametrize("raw", [None, [], "strict", 3])
    def test_is_an_object(self, raw: object) -> None:
        with pytest.raises(Invalid) as refused:
            parse_gate_spec(raw)
        assert pointers(refused) == [""]


class TestTemplates:
    def test_good_ones_are_kept(self) -> None:
        assert parse_templates(TEMPLATES) == PrometheusTemplates(TEMPLATES["requests"], TEMPLATES["errors"])

    @pytest.mark.req("S55")
    @pytest.mark.parametrize(
        ("change", "pointer"),
        [
            ({"requests": "r{t='$team',v='$variant'}"}, "/gate/requests"),
            ({"errors": "sum(errors)"}, "/gate/errors"),
            ({"errors": 'e{v="$variant",p=~".*$"}'}, "/gate/errors"),
            ({"errors": None}, "/gate/errors"),
            ({"requests": ""}, "/gate/requests"),
            ({"latency_buckets": 'b{v="$varient"}'}, "/gate/latency_buckets"),
            ({"latency": "$variant"}, "/gate/latency"),
        ],
    )
    def test_faulty_ones_are_pointed_at(self, change: dict[str, object], pointer: str) -> None:
        with pytest.raises(Invalid) as refused:
            parse_templates({**TEMPLATES, **change}, "/gate")
        assert pointers(refused) == [pointer]

    def test_are_an_object(self) -> None:
        with pytest.raises(Invalid) as refused:
            parse_templates("sum(x)")
        assert pointers(refused) == ["/templates"]

    def test_promql_is_filled_in(self) -> None:
        query = self.query(flag="new-checkout")
        assert query.promql('e{v="$variant",f="$flag",n="$environment",d="$$"}', "on") == (
            'e{v="on",f="new-checkout",n="production",d="$"}'
        )

    @pytest.mark.parametrize("flag", ['x"} or vector(0) #', "x\\", "", "x\n", "é"])
    def test_a_name_cannot_leave_its_quotes(self, flag: str) -> None:
        with pytest.raises(Invalid) as refused:
            self.query(flag=flag)
        assert pointers(refused) == ["/flag"]

    def test_arms_differ_and_templates_belong_to_prometheus(self) -> None:
        with pytest.raises(Invalid) as refused:
            MetricQuery(SourceKind.PROMETHEUS, UUID(int=7), Environment.DEV, "f", "on", "on")
        assert pointers(refused) == ["/control", "/templates"]

    def query(self, flag: str) -> MetricQuery:
        templates = parse_templates(TEMPLATES)
        return MetricQuery(SourceKind.PROMETHEUS, UUID(int=7), Environment.PRODUCTION, flag, "on", "off", templates)


class TestEProcess:
    def test_equals_the_binomial_likelihood_ratio(self) -> None:
        theta = [rho * 600 / (rho * 600 + 5400) for rho in (2.1, 1.05)]
        direct = 12 * math.log(theta[0] / theta[1]) + 54 * math.log((1 - theta[0]) / (1 - theta[1]))
        assert eprocess.two_sample((0.0,), (2.1,), 1.05, (12, 54), (600, 5400))[0] == pytest.approx(direct)

    def test_one_large_window_equals_many_small_ones(self) -> None:
        small = eprocess.NO_HARM
        for _ in range(10):
            small = eprocess.two_sample(small, eprocess.HARM_RATIOS, 1.0, (2, 9), (100, 900))
        large = eprocess.two_sample(eprocess.NO_HARM, eprocess.HARM_RATIOS, 1.0, (20, 90), (1000, 9000))
        assert small == pytest.approx(large)

    def test_expectation_under_the_null_is_one(self) -> None:
        """Exactly, by summing over the binomial distribution."""
        theta, total = 1.05 * 600 / (1.05 * 600 + 5400), 30
        expected = sum(
            math.comb(total, hits)
            * theta**hits
            * (1 - theta) ** (total - hits)
            * eprocess.value(
                eprocess.log_mean(
                    eprocess.two_sample(
                        eprocess.NO_HARM,
                        tuple(1.05 * each for each in eprocess.HARM_RATIOS),
                        1.05,
                        (hits, total - hits),
                        (600, 5400),
                    )
                )
            )
            for hits in range(total + 1)
        )
        assert expected == pytest.approx(1.0)

    def test_no_control_or_no_event_is_no_evidence(self) -> None:
        for events, exposures in (((5, 0), (100, 0)), ((0, 5), (0, 100)), ((0, 0), (100, 900))):
            logs = eprocess.two_sample(eprocess.NO_HARM, eprocess.HARM_RATIOS, 1.0, events, exposures)
            assert logs == eprocess.NO_HARM

    def test_enormous_evidence_does_not_overflow(self) -> None:
        logs = eprocess.two_sample(eprocess.NO_HARM, eprocess.HARM_RATIOS, 1.0, (10**9, 1), (10**9, 10**10))
        assert math.isfinite(eprocess.log_mean(logs))
        assert math.isfinite(eprocess.value(eprocess.log_mean(logs)))
        assert eprocess.anytime_p(eprocess.log_mean(logs)) == 0.0

    def test_exceedance_equals_its_likelihood_ratio(self) -> None:
        direct = 9 * math.log(3) + 91 * math.log((1 - 0.15) / 0.95)
        assert eprocess.exceedance((0.0,), (3.0,), 0.05, 9, 100)[0] == pytest.approx(direct)


class TestInterval:
    def test_covers_the_null_and_narrows(self) -> None:
        few = difference_interval((0.01, 0.01), (600, 5400), 1.05, 0.05)
        many = difference_interval((0.01, 0.01), (60_000, 540_000), 1.05, 0.05)
        assert few is not None
        assert many is not None
        assert few[0] < many[0] < 0.01 - 1.05 * 0.01 < many[1] < few[1]

    def test_needs_both_arms(self) -> None:
        assert difference_interval((0.01, 0.0), (600, 0), 1.05, 0.05) is None

    def test_excludes_zero_for_a_clear_regression(self) -> None:
        found = difference_interval((0.05, 0.01), (6000, 54000), 1.05, 0.05)
        assert found is not None
        assert found[0] > 0


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


class TestReadings:
    @pytest.mark.parametrize(
        "buckets",
        [((0.1, 1),), ((0.5, 1), (0.1, 2), (math.inf, 3)), ((0.1, 2), (math.inf, 1))],
    )
    def test_malformed_buckets_are_refused(self, buckets: tuple[tuple[float, int], ...]) -> None:
        with pytest.raises(ValueError, match="buckets"):
            Counts(3, 0, buckets)

    def test_negative_counters_and_naive_instants_are_refused(self) -> None:
        with pytest.raises(ValueError, match="negative"):
            Counts(-1, 0)
        with pytest.raises(ValueError, match="UTC"):
            Reading(START.replace(tzinfo=None), None, None)

    @pytest.mark.req("S53")
    def test_other_buckets_are_a_reset(self) -> None:
        early = Reading(START, Counts(1, 0, ((0.1, 1), (math.inf, 1))), None)
        late = Reading(START + timedelta(minutes=1), Counts(2, 0, ((0.2, 2), (math.inf, 2))), None)
        assert between(early, late) is Gap.COUNTER_RESET

    @pytest.mark.req("S53")
    def test_a_bucket_that_shrinks_is_a_reset(self) -> None:
        early = Reading(START, Counts(9, 0, ((0.1, 8), (math.inf, 9))), None)
        late = Reading(START + timedelta(minutes=1), Counts(10, 0, ((0.1, 7), (math.inf, 10))), None)
        assert between(early, late) is Gap.COUNTER_RESET

    @pytest.mark.req("S56")
    def test_windows_sum_to_the_whole_time(self) -> None:
        draw = random.Random(7)
        readings = [Reading(START, Counts(0, 0), Counts(0, 0))]
        for _ in range(50):
            last = readings[-1]
            assert last.candidate is not None
            grown = Counts(last.candidate.requests + draw.randint(1, 90), last.candidate.errors)
            readings.append(Reading(last.at + timedelta(seconds=draw.randint(1, 900)), grown, Counts(0, 0)))
        windows = [between(early, late) for early, late in pairwise(readings)]
        spans = [window.until - window.since for window in windows if not isinstance(window, Gap)]
        assert sum(spans, timedelta()) == readings[-1].at - START
