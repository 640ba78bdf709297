from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.environments import Environment
from domain.gates import Verdict
from domain.rollouts import (
    DeadlineAction,
    Decision,
    HoldReason,
    Outcome,
    Plan,
    Progress,
    Timing,
    decide,
    default_plan,
    lapsed,
    next_deadline,
)

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
PLAN = default_plan(Environment.PRODUCTION)
MANUAL = replace(PLAN, stages=(replace(PLAN.stages[0], manual=True), *PLAN.stages[1:]))
ADVANCING = default_plan(Environment.STAGING)
RUNNING = Progress(0, START)


def after(verdict: Verdict, passed: timedelta, progress: Progress = RUNNING, plan: Plan = PLAN) -> Outcome:
    return decide(plan, progress, Timing(verdict, START + passed))


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


class TestSeeing:
    @pytest.mark.req("I1")
    def test_a_pass_advances(self) -> None:
        outcome = after(Verdict.PASS, minutes(10))
        assert (outcome.decision, outcome.cause) == (Decision.ADVANCE, "gate_passed")

    def test_more_evidence_is_waited_for(self) -> None:
        assert after(Verdict.CONTINUE, minutes(10)).decision is Decision.WAIT

    @pytest.mark.req("S80")
    @pytest.mark.parametrize("hold", [None, *HoldReason])
    def test_a_failure_goes_back_from_wherever_it_waits(self, hold: HoldReason | None) -> None:
        progress = RUNNING.held(hold, START) if hold else RUNNING
        outcome = after(Verdict.FAIL, minutes(1), progress, MANUAL)
        assert (outcome.decision, outcome.cause) == (Decision.ROLL_BACK, "gate_failed")


class TestInconclusive:
    @pytest.mark.req("S36")
    def test_holds_and_then_goes_back_in_production(self) -> None:
        held = after(Verdict.INCONCLUSIVE, minutes(60))
        assert (held.decision, held.cause) == (Decision.HOLD, "inconclusive")
        assert after(Verdict.INCONCLUSIVE, minutes(61), held.progress).decision is Decision.WAIT
        assert after(Verdict.CONTINUE, timedelta(hours=24), held.progress).decision is Decision.WAIT
        end = after(Verdict.INCONCLUSIVE, timedelta(hours=25), held.progress)
        assert (end.decision, end.cause) == (Decision.ROLL_BACK, "inconclusive_deadline")

    @pytest.mark.req("S36")
    def test_advances_elsewhere(self) -> None:
        outcome = after(Verdict.INCONCLUSIVE, minutes(10), plan=ADVANCING)
        assert (outcome.decision, outcome.cause) == (Decision.ADVANCE, "inconclusive_advances")

    @pytest.mark.req("S37")
    def test_the_next_stage_holds_again(self) -> None:
        assert after(Verdict.INCONCLUSIVE, minutes(60), Progress(1, START)).decision is Decision.HOLD

    def test_a_late_pass_ends_the_hold(self) -> None:
        outcome = after(Verdict.PASS, minutes(90), RUNNING.held(HoldReason.INCONCLUSIVE, START))
        assert (outcome.decision, outcome.progress.hold) == (Decision.ADVANCE, None)


class TestManualGate:
    def test_a_pass_waits_for_a_person(self) -> None:
        held = after(Verdict.PASS, minutes(10), plan=MANUAL)
        assert (held.decision, held.cause) == (Decision.HOLD, "manual_gate")
        assert after(Verdict.PASS, minutes(11), held.progress, MANUAL).decision is Decision.WAIT

    @pytest.mark.parametrize(
        ("action", "expected"),
        [
            (DeadlineAction.ROLLBACK, Decision.ROLL_BACK),
            (DeadlineAction.ADVANCE, Decision.ADVANCE),
            (DeadlineAction.HOLD, Decision.WAIT),
        ],
    )
    def test_its_deadline_does_what_the_plan_says(self, action: DeadlineAction, expected: Decision) -> None:
        plan = replace(MANUAL, on_manual_deadline=action)
        held = RUNNING.held(HoldReason.MANUAL_GATE, START)
        assert after(Verdict.PASS, timedelta(hours=24), held, plan).decision is expected


class TestBlindness:
    @pytest.mark.req("S49")
    def test_ten_minutes_without_answers_change_nothing(self) -> None:
        progress = RUNNING
        for minute in range(10):
            outcome = after(Verdict.PROVIDER_ERROR, minutes(minute), progress)
            assert outcome.decision is Decision.WAIT
            progress = outcome.progress
        back = after(Verdict.CONTINUE, minutes(10), progress)
        assert (back.decision, back.progress.blind_since) == (Decision.WAIT, None)

    @pytest.mark.req("S49", "I2")
    def test_a_longer_outage_holds_and_releases_by_itself(self) -> None:
        first = after(Verdict.PROVIDER_ERROR, minutes(0))
        held = after(Verdict.PROVIDER_ERROR, minutes(15), first.progress)
        assert (held.decision, held.cause) == (Decision.HOLD, "provider_unavailable")
        back = after(Verdict.PASS, minutes(20), held.progress)
        assert (back.decision, back.cause, back.progress.hold) == (Decision.RELEASE, "counts_are_back", None)

    @pytest.mark.req("S50")
    def test_three_hours_go_back(self) -> None:
        progress, decisions = RUNNING, []
        for minute in range(0, 181, 5):
            outcome = after(Verdict.PROVIDER_ERROR, minutes(minute), progress)
            progress = outcome.progress
            decisions.append((minute, outcome.decision, outcome.cause))
        assert next(each for each in decisions if each[1] is Decision.ROLL_BACK) == (
            120, Decision.ROLL_BACK, "blind_budget",
        )  # fmt: skip

    @pytest.mark.req("S54")
    def test_silence_on_both_sides_holds_for_a_day(self) -> None:
        held = after(Verdict.NO_DATA, minutes(15), replace(RUNNING, blind_since=START))
        assert (held.decision, held.cause) == (Decision.HOLD, "no_data")
        assert after(Verdict.NO_DATA, timedelta(hours=23), held.progress).decision is Decision.WAIT
        assert after(Verdict.NO_DATA, timedelta(hours=24), held.progress).decision is Decision.ROLL_BACK

    @pytest.mark.req("S54")
    def test_a_candidate_nobody_reaches_goes_back_sooner(self) -> None:
        first = decide(PLAN, RUNNING, Timing(Verdict.NO_DATA, START, silent=True))
        late = decide(PLAN, first.progress, Timing(Verdict.NO_DATA, START + minutes(30), silent=True))
        assert (late.decision, late.cause) == (Decision.ROLL_BACK, "candidate_without_traffic")

    def test_a_gap_of_days_is_one_check_and_one_stage(self) -> None:
        outcome = after(Verdict.PASS, timedelta(days=3))
        assert (outcome.decision, outcome.progress.checks) == (Decision.ADVANCE, 1)


class TestPause:
    @pytest.mark.req("I2")
    def test_an_operators_hold_outlasts_every_pass(self) -> None:
        held = RUNNING.held(HoldReason.OPERATOR, START)
        assert after(Verdict.PASS, timedelta(hours=23), held).decision is Decision.WAIT
        assert after(Verdict.PASS, timedelta(hours=24), held).decision is Decision.ROLL_BACK

    def test_guardrails_go_on(self) -> None:
        held = RUNNING.held(HoldReason.OPERATOR, START)
        assert after(Verdict.FAIL, minutes(1), held).decision is Decision.ROLL_BACK

    def test_it_ends_blind_as_well(self) -> None:
        held = replace(RUNNING.held(HoldReason.OPERATOR, START), blind_since=START)
        assert after(Verdict.NO_DATA, timedelta(hours=24), held).decision is Decision.ROLL_BACK


progresses = st.builds(
    Progress,
    st.integers(0, 3),
    st.just(START),
    hold=st.none() | st.sampled_from(HoldReason),
    held_since=st.just(START),
    blind_since=st.none() | st.just(START),
    silent_since=st.none() | st.just(START),
)
plans = st.sampled_from([PLAN, MANUAL, ADVANCING, replace(MANUAL, on_manual_deadline=DeadlineAction.ADVANCE)])


class TestAlways:
    @pytest.mark.req("I1", "I2")
    @given(plans, progresses, st.sampled_from(Verdict), st.integers(0, 3000))
    def test_exposure_rises_by_a_pass_or_by_policy(
        self, plan: Plan, progress: Progress, verdict: Verdict, passed: int
    ) -> None:
        outcome = after(verdict, minutes(passed), progress, plan)
        if outcome.decision is Decision.ADVANCE:
            by_policy = outcome.cause in {"inconclusive_advances", "inconclusive_deadline", "manual_gate_deadline"}
            assert verdict is Verdict.PASS or by_policy
            assert outcome.progress.hold is None
            assert verdict not in {Verdict.FAIL, Verdict.NO_DATA, Verdict.PROVIDER_ERROR}
            assert progress.hold not in {HoldReason.OPERATOR, *(hold for hold in HoldReason if hold.blind)}

    @pytest.mark.req("I8")
    @given(plans, progresses, st.sampled_from(Verdict), st.integers(0, 3000))
    def test_every_hold_has_an_end(self, plan: Plan, progress: Progress, verdict: Verdict, passed: int) -> None:
        seen = after(verdict, minutes(passed), progress, plan).progress
        if seen.hold is not None:
            deadline = next_deadline(plan, seen)
            assert deadline is not None
            assert lapsed(plan, seen, deadline) is not None

    def test_what_is_not_held_has_no_deadline(self) -> None:
        assert next_deadline(PLAN, RUNNING) is None
        assert lapsed(PLAN, RUNNING, START) is None
