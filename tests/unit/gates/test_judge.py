import math
from datetime import UTC, datetime, timedelta

import pytest

from domain.gates import (
    Counts,
    GateSpec,
    GateState,
    HardStop,
    Judgement,
    LatencyGate,
    Observation,
    ProviderError,
    Reading,
    StageClock,
    Verdict,
    combined,
    judge,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
SOAKED = StageClock(0, soaked_s=600, min_soak_s=600)
SPEC = GateSpec()


def reading(minute: float, candidate: tuple[int, int] | None, control: tuple[int, int] | None) -> Reading:
    return Reading(
        START + timedelta(minutes=minute), candidate and Counts(*candidate), Counts(*control) if control else None
    )


def judged(observations: list[Observation], stage: StageClock = SOAKED, spec: GateSpec = SPEC) -> list[Judgement]:
    state, judgements = GateState(), []
    for observation in observations:
        judgements.append(judge(spec, state, observation, stage))
        state = judgements[-1].state
    return judgements


def steady(checks: int, candidate: tuple[int, int], control: tuple[int, int]) -> list[Observation]:
    return [
        reading(k, (candidate[0] * k, candidate[1] * k), (control[0] * k, control[1] * k)) for k in range(checks + 1)
    ]


class TestPass:
    def test_needs_evidence_soak_sample_and_checks(self) -> None:
        verdicts = [each.verdict for each in judged(steady(6, (600, 6), (5400, 54)))]
        assert verdicts == [Verdict.CONTINUE] * 5 + [Verdict.PASS] * 2

    @pytest.mark.req("S35")
    def test_waits_for_min_soak_with_all_evidence_present(self) -> None:
        early = StageClock(0, soaked_s=599, min_soak_s=600)
        last = judged(steady(30, (600, 6), (5400, 54)), early)[-1]
        assert last.verdict is Verdict.CONTINUE
        assert last.metrics[0].log_health > math.log(20)
        assert "waits for soak 599 of 600 s" in last.sentence

    def test_waits_for_min_requests_of_this_stage(self) -> None:
        before = judged(steady(30, (600, 6), (5400, 54)))[-1].state
        next_stage = StageClock(1, soaked_s=600, min_soak_s=600)
        state = before
        verdicts: list[Verdict] = []
        for k in range(1, 9):
            later = reading(30 + k, (18000 + 150 * k, 180 + k), (162000 + 450 * k, 1620 + 4 * k))
            outcome = judge(SPEC, state, later, next_stage)
            state = outcome.state
            verdicts.append(outcome.verdict)
        assert verdicts == [Verdict.CONTINUE] * 6 + [Verdict.PASS] * 2

    @pytest.mark.req("S47")
    def test_caution_band_holds_although_soak_has_passed(self) -> None:
        calm = judged(steady(20, (600, 6), (5400, 54)))[-1]
        state = calm.state
        verdicts: list[tuple[Verdict, float]] = []
        for k in range(1, 40):
            at = 20 + k
            outcome = judge(SPEC, state, reading(at, (600 * at, 120 + 9 * k), (5400 * at, 1080 + 54 * k)), SOAKED)
            state = outcome.state
            verdicts.append((outcome.verdict, outcome.metrics[0].log_harm))
        banded = [verdict for verdict, harm in verdicts if math.log(3) <= harm < math.log(20)]
        assert banded
        assert set(banded) == {Verdict.CONTINUE}

    @pytest.mark.req("S58")
    def test_never_without_a_measurement(self) -> None:
        over = StageClock(0, soaked_s=9000, min_soak_s=0, max_soak_reached=True)
        blind: list[Observation] = [reading(k, None, (5400 * k, 54 * k)) for k in range(10)]
        assert {each.verdict for each in judged([*blind, ProviderError("unreachable")], over)} == {
            Verdict.NO_DATA,
            Verdict.PROVIDER_ERROR,
        }
        assert combined([]) is Verdict.NO_DATA

    @pytest.mark.req("S58")
    def test_evidence_of_an_earlier_stage_does_not_pass_an_unmeasured_one(self) -> None:
        state = judged(steady(30, (600, 6), (5400, 54)))[-1].state
        fresh = StageClock(1, soaked_s=9000, min_soak_s=0)
        assert judge(SPEC, state, reading(31, (18000, 180), (162000, 1620)), fresh).verdict is Verdict.NO_DATA

    @pytest.mark.req("S39")
    @pytest.mark.parametrize(
        ("requests", "verdict"), [(5000, Verdict.PASS), (500, Verdict.PASS), (100, Verdict.CONTINUE)]
    )
    def test_rule_of_three_without_any_error(self, requests: int, verdict: Verdict) -> None:
        assert judged(steady(5, (requests // 5, 0), (requests * 2, 0)))[-1].verdict is verdict

    def test_full_exposure_passes_on_carried_evidence_without_a_control(self) -> None:
        state = judged(steady(10, (600, 6), (5400, 54)))[-1].state
        everyone = StageClock(3, soaked_s=600, min_soak_s=600, control_expected=False)
        for k in range(1, 6):
            outcome = judge(SPEC, state, reading(10 + k, (6000 + 6000 * k, 60 + 60 * k), None), everyone)
            state = outcome.state
        assert outcome.verdict is Verdict.PASS


class TestFail:
    def test_needs_evidence_besides_the_estimate(self) -> None:
        outcome = judged(steady(1, (600, 8), (5400, 54)))[-1]
        assert outcome.metrics[0].ratio == pytest.approx(8 / 6)
        assert outcome.verdict is Verdict.CONTINUE

    def test_does_not_wait_for_soak(self) -> None:
        verdicts = [each.verdict for each in judged(steady(10, (600, 12), (5400, 54)), StageClock(0, 60, 600))]
        assert Verdict.FAIL in verdicts

    def test_ignores_microscopic_effects(self) -> None:
        outcome = judged(steady(60, (60000, 30), (540000, 54)))[-1]
        assert outcome.metrics[0].log_harm > math.log(20)
        assert outcome.verdict is Verdict.CONTINUE

    @pytest.mark.req("S40")
    def test_zero_errors_in_the_control_and_twelve_in_a_thousand(self) -> None:
        outcome = judged(steady(1, (1000, 12), (9000, 0)))[-1]
        assert outcome.verdict is Verdict.FAIL
        assert outcome.metrics[0].ratio is None
        assert "control has none" in outcome.sentence

    def test_speaks_plainly(self) -> None:
        outcome = judged(steady(2, (602, 19), (5418, 54)))[-1]
        assert outcome.sentence.startswith(
            "error rate 3.2 % against 1.0 % (3.17x, limit 1.05x) in 1,204 canary requests; evidence "
        )

    def test_an_earlier_shared_incident_hides_no_regression(self) -> None:
        """Pooled rates would say 0.7x here: most control requests fell into the incident."""
        state = judged(steady(10, (600, 30), (5400, 270)))[-1].state
        half = StageClock(2, soaked_s=0, min_soak_s=600)
        for k in range(1, 13):
            later = reading(10 + k, (6000 + 3000 * k, 300 + 60 * k), (54000 + 3000 * k, 2700 + 30 * k))
            outcome = judge(SPEC, state, later, half)
            state = outcome.state
            if outcome.verdict is Verdict.FAIL:
                break
        seen = outcome.state.errors
        assert outcome.verdict is Verdict.FAIL
        assert seen.candidate_events / seen.candidate < seen.control_events / seen.control

    def test_a_stronger_latency_weight_leaves_less_alpha_to_errors(self) -> None:
        spec = GateSpec(latency=LatencyGate(weight=3.0))
        assert spec.alpha_of(spec.error_rate) == pytest.approx(0.0125)
        assert GateSpec().alpha_of(GateSpec().error_rate) == 0.05


class TestHardStop:
    @pytest.mark.req("S32")
    def test_thirty_of_forty_before_min_soak(self) -> None:
        outcome = judged([reading(0, (0, 0), (0, 0)), reading(1, (40, 30), (360, 4))], StageClock(0, 60, 600))[-1]
        assert outcome.verdict is Verdict.FAIL
        assert outcome.cause == "hard_stop"
        assert outcome.sentence == "hard stop: 30 of 40 canary requests failed in one check, limit 50.0 %"

    @pytest.mark.parametrize(("requests", "errors"), [(19, 19), (40, 19)])
    def test_not_below_twenty_requests_or_half(self, requests: int, errors: int) -> None:
        outcome = judged([reading(0, (0, 0), (0, 0)), reading(1, (requests, errors), (requests, errors))])[-1]
        assert outcome.cause is None
        assert outcome.verdict is Verdict.CONTINUE

    @pytest.mark.req("S32")
    def test_needs_no_control(self) -> None:
        observations: list[Observation] = [reading(0, (0, 0), None), reading(1, (40, 30), None)]
        assert judged(observations)[-1].cause == "hard_stop"

    def test_limits_are_the_specs(self) -> None:
        spec = GateSpec(hard_stop=HardStop(error_rate=0.2, min_requests=5))
        outcome = judged([reading(0, (0, 0), (0, 0)), reading(1, (10, 2), (90, 1))], spec=spec)[-1]
        assert outcome.verdict is Verdict.FAIL


class TestBlindness:
    @pytest.mark.req("S49")
    def test_provider_error_changes_no_evidence(self) -> None:
        *_, last = judged([*steady(3, (600, 6), (5400, 54)), *[ProviderError("http_500")] * 10])
        assert last.verdict is Verdict.PROVIDER_ERROR
        assert last.cause == "http_500"
        assert last.state.errors == judged(steady(3, (600, 6), (5400, 54)))[-1].state.errors
        assert last.state.provider_errors == 10

    @pytest.mark.req("S49")
    def test_first_reading_after_an_outage_covers_the_whole_gap(self) -> None:
        observations = steady(20, (600, 6), (5400, 54))
        gone: list[Observation] = [*observations[:5], *[ProviderError("unreachable")] * 10, *observations[15:]]
        assert judged(gone)[-1].state.errors.candidate == judged(observations)[-1].state.errors.candidate
        assert (
            judged(gone)[15].window == judge(SPEC, judged(observations[:5])[-1].state, observations[15], SOAKED).window
        )

    @pytest.mark.req("S54")
    def test_a_silent_canary_is_shown_beside_the_controls_traffic(self) -> None:
        outcome = judged([reading(0, (5, 0), (100, 1)), reading(1, (5, 0), (5500, 55))])[-1]
        assert outcome.verdict is Verdict.NO_DATA
        assert outcome.cause == "no_candidate_requests"
        assert outcome.sentence.endswith("the control served 5,400 requests")

    @pytest.mark.req("S54")
    @pytest.mark.parametrize(
        ("first", "second", "silent"),
        [
            (reading(0, None, (100, 1)), reading(1, None, (5500, 55)), True),
            (reading(0, (5, 0), (100, 1)), reading(1, (5, 0), (5500, 55)), True),
            (reading(0, (5, 0), (100, 1)), reading(1, (5, 0), (100, 1)), False),
            (reading(0, (5, 0), None), reading(1, None, (100, 1)), False),
            (reading(0, (0, 0), (0, 0)), reading(1, (600, 6), (5400, 54)), False),
            (reading(0, (0, 0), (0, 0)), ProviderError("unreachable"), False),
        ],
    )
    def test_silent_means_traffic_beside_none(self, first: Reading, second: Observation, silent: bool) -> None:  # noqa: FBT001 - a parameter of the table
        assert judged([first, second])[-1].silent is silent

    @pytest.mark.req("S51")
    @pytest.mark.parametrize(
        ("candidate", "control"), [(None, (9000, 90)), (None, None), ((1000, 10), None), ((0, 0), (9000, 90))]
    )
    def test_an_absent_arm_is_no_data(self, candidate: tuple[int, int] | None, control: tuple[int, int] | None) -> None:
        outcome = judged([reading(0, (0, 0), (0, 0)), reading(1, candidate, control)])[-1]
        assert outcome.verdict is Verdict.NO_DATA
        assert outcome.state.blind == 1
        assert outcome.state.errors == GateState().errors

    def test_a_vanished_control_does_not_pass_on_carried_evidence(self) -> None:
        state = judged(steady(30, (600, 6), (5400, 54)))[-1].state
        outcome = judge(SPEC, state, reading(31, (18600, 186), None), SOAKED)
        assert outcome.verdict is Verdict.NO_DATA

    def test_more_errors_than_requests_is_the_sources_fault(self) -> None:
        outcome = judged([reading(0, (0, 0), (0, 0)), reading(1, (10, 11), (90, 1))])[-1]
        assert outcome.verdict is Verdict.PROVIDER_ERROR
        assert outcome.cause == "errors_exceed_requests"

    def test_inconclusive_only_at_max_soak(self) -> None:
        over = StageClock(0, soaked_s=3600, min_soak_s=600, max_soak_reached=True)
        observations = steady(3, (20, 1), (180, 5))
        assert judged(observations)[-1].verdict is Verdict.CONTINUE
        assert judged(observations, over)[-1].verdict is Verdict.INCONCLUSIVE

    def test_a_quiet_last_window_at_max_soak_is_inconclusive_not_blind(self) -> None:
        over = StageClock(0, soaked_s=3600, min_soak_s=600, max_soak_reached=True)
        state = judged(steady(3, (20, 1), (180, 5)))[-1].state
        assert judge(SPEC, state, reading(4, (60, 3), (720, 20)), over).verdict is Verdict.INCONCLUSIVE


class TestResets:
    @pytest.mark.req("S53")
    @pytest.mark.parametrize(
        ("candidate", "control"), [((10, 0), (27000, 270)), ((3000, 2), (27000, 270)), ((3600, 36), (100, 1))]
    )
    def test_a_counter_that_goes_back_discards_the_window(
        self, candidate: tuple[int, int], control: tuple[int, int]
    ) -> None:
        before = judged(steady(4, (600, 6), (5400, 54)))[-1].state
        outcome = judge(SPEC, before, reading(5, candidate, control), SOAKED)
        assert outcome.verdict is Verdict.CONTINUE
        assert outcome.cause == "counter_reset"
        assert outcome.state.errors == before.errors
        assert outcome.state.resets == 1
        assert outcome.state.last is not None
        assert outcome.state.last.at == START + timedelta(minutes=5)

    @pytest.mark.req("S53")
    def test_measuring_goes_on_from_the_reset(self) -> None:
        state = judged([*steady(4, (600, 6), (5400, 54)), reading(5, (10, 0), (27000, 270))])[-1].state
        outcome = judge(SPEC, state, reading(6, (610, 6), (32400, 324)), SOAKED)
        assert outcome.window is not None
        assert outcome.window.candidate == Counts(600, 6)

    @pytest.mark.req("S56")
    def test_late_requests_are_counted_once_in_the_next_window(self) -> None:
        prompt = steady(4, (600, 6), (5400, 54))
        late: list[Observation] = [*prompt[:2], reading(2, (1000, 9), (10800, 108)), *prompt[3:]]
        first, second = judged(prompt)[-1].state.errors, judged(late)[-1].state.errors
        assert (first.candidate, first.candidate_events) == (second.candidate, second.candidate_events)

    @pytest.mark.req("S57")
    def test_a_reading_that_is_not_newer_measures_nothing(self) -> None:
        observations = steady(4, (600, 6), (5400, 54))
        outcome = judged([*observations, observations[2]])[-1]
        assert outcome.verdict is Verdict.NO_DATA
        assert outcome.cause == "reading_not_newer"
        assert outcome.state.last == observations[-1]
