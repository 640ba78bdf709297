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
    RollbackScope,
    Strategy,
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


class TestBudget:
    @pytest.mark.req("S50")
    def test_short_outages_add_up_over_all_stages(self) -> None:
        progress = RUNNING
        for hour in range(4):
            for minute, verdict in ((0, Verdict.PROVIDER_ERROR), (45, Verdict.PROVIDER_ERROR), (59, Verdict.CONTINUE)):
                outcome = after(verdict, minutes(60 * hour + minute), progress)
                assert outcome.decision is not Decision.ROLL_BACK
                progress = outcome.progress.released()
            progress = progress.next(hour + 1, START)
        spent = after(Verdict.PROVIDER_ERROR, minutes(240), progress, replace(PLAN, blind_budget=minutes(236)))
        assert (spent.decision, spent.cause) == (Decision.ROLL_BACK, "blind_budget")
        assert after(Verdict.PROVIDER_ERROR, minutes(240), progress).decision is Decision.WAIT

    def test_closed_shop_uses_up_nothing(self) -> None:
        first = after(Verdict.NO_DATA, minutes(0))
        assert after(Verdict.CONTINUE, minutes(300), first.progress).progress.unanswered == timedelta(0)


class TestAskedByTheGate:
    @pytest.mark.req("S33", "S46", "I2")
    @pytest.mark.parametrize("hold", ["signal", "srm", "frozen"])
    def test_it_holds_releases_and_never_lasts(self, hold: str) -> None:
        asked = decide(PLAN, RUNNING, Timing(Verdict.CONTINUE, START, hold=hold))
        assert (asked.decision, asked.cause) == (Decision.HOLD, hold)
        again = decide(PLAN, asked.progress, Timing(Verdict.CONTINUE, START + minutes(1), hold=hold))
        assert again.decision is Decision.WAIT
        over = after(Verdict.PASS, minutes(2), again.progress)
        assert (over.decision, over.progress.hold) == (Decision.RELEASE, None)
        deadline = next_deadline(PLAN, again.progress)
        assert deadline is not None
        late = decide(PLAN, again.progress, Timing(Verdict.CONTINUE, deadline, hold=hold))
        assert (late.decision, late.cause) == (Decision.ROLL_BACK, f"{hold}_deadline")

    def test_a_person_who_holds_it_is_not_overruled(self) -> None:
        held = RUNNING.held(HoldReason.OPERATOR, START)
        asked = decide(PLAN, held, Timing(Verdict.CONTINUE, START + minutes(1), hold="signal"))
        assert (asked.decision, asked.progress.hold) == (Decision.WAIT, HoldReason.OPERATOR)

    @pytest.mark.req("I2")
    def test_a_manual_gate_whose_time_is_up_does_not_advance_past_it(self) -> None:
        plan = replace(MANUAL, on_manual_deadline=DeadlineAction.ADVANCE)
        held = RUNNING.held(HoldReason.MANUAL_GATE, START)
        asked = decide(plan, held, Timing(Verdict.CONTINUE, START + timedelta(hours=24), hold="signal"))
        assert (asked.decision, asked.progress.hold) == (Decision.HOLD, HoldReason.SIGNAL)


class TestWhatStays:
    def test_failed_dry_run_is_held_and_goes_back_when_nobody_comes(self) -> None:
        stages = (replace(PLAN.stages[0], analysis_only=True), *PLAN.stages[1:])
        plan = replace(PLAN, stages=stages, on_inconclusive=DeadlineAction.ADVANCE)
        held = after(Verdict.FAIL, minutes(1), plan=plan)
        assert (held.decision, held.cause) == (Decision.HOLD, "dry_run_failed")
        assert after(Verdict.FAIL, minutes(2), held.progress, plan).decision is Decision.WAIT
        late = after(Verdict.FAIL, timedelta(hours=25), held.progress, plan)
        assert late.decision is Decision.ROLL_BACK

    @pytest.mark.req("S67")
    @pytest.mark.parametrize("scope", RollbackScope)
    def test_failed_batch_goes_back_unless_it_is_to_stay(self, scope: RollbackScope) -> None:
        rolling = default_plan(Environment.PRODUCTION, Strategy.ROLLING)
        assert rolling.batches is not None
        plan = replace(rolling, batches=replace(rolling.batches, rollback=scope))
        outcome = after(Verdict.FAIL, minutes(1), Progress(7, START), plan)
        whole = scope is RollbackScope.ALL
        assert outcome.decision is (Decision.ROLL_BACK if whole else Decision.HOLD)
        assert outcome.cause == ("gate_failed" if whole else "batch_failed")

    @pytest.mark.req("S59")
    def test_no_verdict_ends_what_waits_for_instances(self) -> None:
        held = RUNNING.held(HoldReason.NOT_CONVERGED, START)
        for verdict in (Verdict.PASS, Verdict.CONTINUE, Verdict.INCONCLUSIVE):
            assert after(verdict, minutes(5), held).decision is Decision.WAIT
        assert after(Verdict.PASS, timedelta(hours=24), held).decision is Decision.ROLL_BACK


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
holds = st.sampled_from(["", "", "signal", "srm", "frozen"])
plans = st.sampled_from(
    [
        PLAN,
        MANUAL,
        ADVANCING,
        replace(MANUAL, on_manual_deadline=DeadlineAction.ADVANCE),
        replace(ADVANCING, stages=tuple(replace(stage, analysis_only=True) for stage in ADVANCING.stages)),
        *(default_plan(Environment.PRODUCTION, strategy) for strategy in Strategy),
    ]
)


class TestAlways:
    @pytest.mark.req("I1", "I2")
    @given(plans, progresses, st.sampled_from(Verdict), st.integers(0, 3000), holds)
    def test_exposure_rises_by_a_pass_or_by_policy(
        self, plan: Plan, progress: Progress, verdict: Verdict, passed: int, hold: str
    ) -> None:
        outcome = decide(plan, progress, Timing(verdict, START + minutes(passed), hold=hold))
        if outcome.decision is Decision.ADVANCE:
            by_policy = outcome.cause in {"inconclusive_advances", "inconclusive_deadline", "manual_gate_deadline"}
            assert verdict is Verdict.PASS or by_policy
            assert outcome.progress.hold is None
            assert not hold
            assert verdict not in {Verdict.FAIL, Verdict.NO_DATA, Verdict.PROVIDER_ERROR}
            assert progress.hold not in {HoldReason.OPERATOR, *(hold for hold in HoldReason if hold.blind)}

    @pytest.mark.req("I8")
    @given(plans, progresses, st.sampled_from(Verdict), st.integers(0, 3000), holds)
    def test_every_hold_has_an_end(
        self, plan: Plan, progress: Progress, verdict: Verdict, passed: int, hold: str
    ) -> None:
        seen = decide(plan, progress, Timing(verdict, START + minutes(passed), hold=hold)).progress
        if seen.hold is not None:
            deadline = next_deadline(plan, seen)
            assert deadline is not None
            assert lapsed(plan, seen, deadline) is not None

    def test_what_is_not_held_has_no_deadline(self) -> None:
        assert next_deadline(PLAN, RUNNING) is None
        assert lapsed(PLAN, RUNNING, START) is None
