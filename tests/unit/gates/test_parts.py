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
    LatencyGate,
    MetricQuery,
    PrometheusTemplates,
    Reading,
    SourceKind,
    between,
    eprocess,
    parse_gate_spec,
    parse_templates,
)
from domain.gates.intervals import difference_interval

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
