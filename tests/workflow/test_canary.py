"""Exposure rises while the gates pass, and goes back by itself when they do not."""

from typing import Any
from uuid import UUID

import pytest

from adapters.memory.metrics import Traffic, constant
from domain.errors import Invalid
from domain.gates import Verdict
from domain.people import PermissionMissing
from domain.rollouts import GateNotPassed, State, Verb
from tests.workflow.theatre import CLASSIC, EXPRESS, Theatre, healthy, manual, plan

FULL: dict[str, Any] = {"gates": {"acknowledge_infeasible": True}}
SPARSE: dict[str, Any] = {"gates": {"acknowledge_infeasible": True}}
LATENT: dict[str, Any] = {"gates": {"min_requests": 100, "min_checks": 2, "latency": {"ratio": 2.0}}}


async def checked(stage: Theatre, change: UUID) -> list[Verdict]:
    return [check.verdict for check in await stage.evidence(change)]


class TestHappyPath:
    @pytest.mark.req("S24", "I1", "FR-CFG-006")
    async def test_identical_version_rises_through_every_stage(self, stage: Theatre) -> None:
        change = await stage.launch(
            10, 25, 50, 100, plan=plan(10, 25, 50, 100, soak=600, check_interval_seconds=120), **FULL
        )
        await stage.skip(change, hours=8)
        assert await stage.end(change) is State.SUCCEEDED
        assert await stage.percents(change) == [0, 10, 25, 50, 100]
        assert await stage.served() == EXPRESS

    @pytest.mark.req("S35")
    async def test_no_stage_ends_before_its_soak(self, stage: Theatre) -> None:
        change = await stage.launch(plan=plan(10, 100, soak=600))
        await stage.skip(change, minutes=9, seconds=30)
        assert (await stage.rollout(change)).percent == 10
        assert len(await stage.evidence(change)) == 9
        await stage.skip(change, minutes=5)
        assert await stage.end(change) is State.SUCCEEDED

    @pytest.mark.req("S39")
    async def test_no_error_at_all_passes_once_there_is_enough_of_it(self, stage: Theatre) -> None:
        stage.metrics._traffic = healthy(per_minute=1500, errors=0.0)
        change = await stage.launch(**SPARSE)
        await stage.skip(change, hours=1)
        assert await stage.end(change) is State.SUCCEEDED

    @pytest.mark.req("S39")
    async def test_no_error_in_a_hundred_requests_is_not_yet_enough(self, stage: Theatre) -> None:
        stage.metrics._traffic = healthy(per_minute=5, errors=0.0)
        change = await stage.launch(plan=plan(check_interval_seconds=240))
        await stage.skip(change, minutes=20, seconds=30)
        assert set(await checked(stage, change)) == {Verdict.CONTINUE}
        assert (await stage.rollout(change)).percent == 10

    async def test_bake_watches_what_everybody_gets(self, stage: Theatre) -> None:
        change = await stage.launch(plan=plan(10, 100, bake_seconds=600))
        await stage.skip(change, minutes=8)
        assert (await stage.rollout(change)).state is State.BAKING
        rate = healthy()["express"].per_second
        stage.metrics.drive("express", Traffic(rate, lambda at: 0.01 if at < 3600 + 480 else 0.6))
        await stage.skip(change, minutes=10)
        assert await stage.end(change) is State.ROLLED_BACK
        assert await stage.served() == CLASSIC


@pytest.mark.req("FR-CFG-008")
class TestBadVersion:
    @pytest.mark.req("S25", "I5")
    async def test_twice_the_errors_go_back_from_the_first_stage(self, stage: Theatre) -> None:
        stage.metrics._traffic["express"] = Traffic(constant(10), constant(0.02))
        change = await stage.launch(10, 25, 50, 100, plan=plan(10, 25, 50, 100, soak=600), **FULL)
        await stage.skip(change, hours=8)
        assert await stage.end(change) is State.ROLLED_BACK
        assert await stage.percents(change) == [0, 10, 0]
        assert await stage.served() == CLASSIC
        assert (await stage.rollout(change)).cause == "gate_failed"

    @pytest.mark.req("S26")
    async def test_a_fifth_more_errors_in_a_large_sample_fail(self, stage: Theatre) -> None:
        stage.metrics._traffic = healthy(per_minute=50_000, errors=0.05)
        stage.metrics.drive("express", Traffic(constant(50_000 / 60), constant(0.06)))
        change = await stage.launch(**FULL)
        await stage.skip(change, hours=1)
        assert await stage.end(change) is State.ROLLED_BACK

    @pytest.mark.req("S27")
    async def test_three_times_the_latency_goes_back(self, stage: Theatre) -> None:
        fast, slow = constant(0.09), constant(0.9)
        stage.metrics._traffic = {
            "express": Traffic(constant(100 / 60), constant(0.01), slow),
            "classic": Traffic(constant(900 / 60), constant(0.01), fast),
        }
        change = await stage.launch(**LATENT)
        await stage.skip(change, hours=1)
        assert await stage.end(change) is State.ROLLED_BACK

    @pytest.mark.req("S28")
    async def test_incident_that_both_versions_share_is_nobodys_fault(self, stage: Theatre) -> None:
        def incident(at: float) -> float:
            return 0.03 if 3600 <= at < 4800 else 0.01

        for name, traffic in healthy().items():
            stage.metrics.drive(name, Traffic(traffic.per_second, incident))
        change = await stage.launch(plan=plan(10, 100, soak=1800, check_interval_seconds=180), **FULL)
        await stage.skip(change, hours=2)
        assert await stage.end(change) is State.SUCCEEDED

    @pytest.mark.req("S29")
    async def test_regression_that_begins_at_half_goes_back_from_half(self, stage: Theatre) -> None:
        change = await stage.launch(10, 50, 100, plan=plan(10, 50, 100, soak=600), **FULL)
        await stage.skip(change, minutes=12)
        assert (await stage.rollout(change)).percent == 50
        stage.metrics.drive("express", Traffic(constant(50), lambda at: 0.01 if at < 3600 + 720 else 0.02))
        await stage.skip(change, hours=2)
        assert await stage.end(change) is State.ROLLED_BACK
        assert await stage.percents(change) == [0, 10, 50, 0]
        assert {check.stage for check in await stage.evidence(change)} == {0, 1}

    @pytest.mark.req("S32")
    async def test_most_requests_failing_stop_it_before_the_soak(self, stage: Theatre) -> None:
        stage.metrics.drive("express", Traffic(constant(40 / 60), constant(0.75)))
        change = await stage.launch(plan=plan(10, 100, soak=600), **FULL)
        await stage.skip(change, minutes=3)
        assert await stage.end(change) is State.ROLLED_BACK
        assert (await stage.evidence(change))[-1].record["cause"] == "hard_stop"

    @pytest.mark.req("S40")
    async def test_a_dozen_errors_against_none_fail(self, stage: Theatre) -> None:
        stage.metrics._traffic = healthy(per_minute=200, errors=0.0)
        stage.metrics.drive("express", Traffic(constant(200 / 60), constant(0.012)))
        change = await stage.launch(plan=plan(10, 100, soak=600), **SPARSE)
        await stage.skip(change, hours=1)
        assert await stage.end(change) is State.ROLLED_BACK


class TestInconclusive:
    @pytest.mark.req("S36", "I2", "I8")
    async def test_too_little_traffic_is_held_and_after_a_day_taken_back(self, stage: Theatre) -> None:
        stage.metrics._traffic = healthy(per_minute=20 / 60)
        change = await stage.launch(plan=plan(10, 100, most=1800, check_interval_seconds=1800), **SPARSE)
        await stage.skip(change, minutes=61)
        held = await stage.rollout(change)
        assert (held.state, held.cause, held.percent) == (State.PAUSED, "inconclusive", 10)
        await stage.skip(change, hours=25)
        assert await stage.end(change) is State.ROLLED_BACK
        assert (await stage.rollout(change)).cause == "inconclusive_deadline"

    @pytest.mark.req("S36")
    async def test_it_advances_where_the_plan_says_so(self, stage: Theatre) -> None:
        stage.metrics._traffic = healthy(per_minute=2)
        change = await stage.launch(plan=plan(10, 100, most=300, on_inconclusive="advance"), **SPARSE)
        await stage.skip(change, minutes=30)
        assert await stage.end(change) is State.SUCCEEDED

    @pytest.mark.req("S37", "S38")
    async def test_operator_promotes_one_inconclusive_gate_and_the_next_is_held_again(self, stage: Theatre) -> None:
        stage.metrics._traffic = healthy(per_minute=2)
        change = await stage.launch(plan=plan(10, 50, 100, most=300), **SPARSE)
        await stage.skip(change, minutes=8)
        assert (await stage.rollout(change)).state is State.PAUSED
        with pytest.raises(PermissionMissing):
            await stage.act(stage.house.ada, change, Verb.PROMOTE)
        await stage.act(stage.house.olu, change, Verb.PROMOTE, "looked at the logs myself")
        await stage.until(change, State.RUNNING, 3)
        assert (await stage.rollout(change)).percent == 50
        await stage.skip(change, minutes=8)
        held = await stage.rollout(change)
        assert (held.state, held.cause, held.percent) == (State.PAUSED, "inconclusive", 50)


class TestManualGate:
    async def test_it_waits_for_a_person_and_goes_on_when_one_promotes(self, stage: Theatre) -> None:
        change = await stage.launch(plan=manual(plan()))
        await stage.skip(change, minutes=10)
        held = await stage.rollout(change)
        assert (held.state, held.cause, held.percent) == (State.PAUSED, "manual_gate", 10)
        await stage.act(stage.house.olu, change, Verb.PROMOTE)
        assert await stage.end(change) is State.SUCCEEDED

    @pytest.mark.req("S80")
    async def test_failure_while_it_waits_goes_back(self, stage: Theatre) -> None:
        change = await stage.launch(plan=manual(plan()))
        await stage.skip(change, minutes=10)
        assert (await stage.rollout(change)).cause == "manual_gate"
        stage.metrics.drive("express", Traffic(constant(10), lambda at: 0.01 if at < 3600 + 600 else 0.3))
        await stage.skip(change, minutes=30)
        assert await stage.end(change) is State.ROLLED_BACK
        assert await stage.served() == CLASSIC

    @pytest.mark.req("S38")
    async def test_gate_that_fails_or_sees_nothing_is_not_promoted(self, stage: Theatre) -> None:
        change = await stage.launch(plan=manual(plan()))
        with pytest.raises(GateNotPassed):
            await stage.act(stage.house.olu, change, Verb.PROMOTE)
        await stage.skip(change, minutes=10)
        since = (await stage.evidence(change))[-1].judged_at
        stage.metrics.outage(since, since.replace(year=since.year + 1))
        await stage.skip(change, minutes=1)
        with pytest.raises(GateNotPassed) as refused:
            await stage.act(stage.house.olu, change, Verb.PROMOTE)
        assert refused.value.facts == {"verdict": "provider_error"}

    @pytest.mark.req("I8")
    async def test_nobody_comes_and_after_its_time_it_goes_back(self, stage: Theatre) -> None:
        change = await stage.launch(plan=manual(plan(check_interval_seconds=600, manual_deadline_seconds=7200)))
        await stage.skip(change, hours=4)
        assert await stage.end(change) is State.ROLLED_BACK
        assert (await stage.rollout(change)).cause == "manual_gate_deadline"


class TestPlans:
    @pytest.mark.req("S41")
    @pytest.mark.parametrize("stages", [[50, 25, 100], [10, 10, 100], [10, 50], [], [0, 100]])
    async def test_stages_rise_and_end_with_everybody(self, stage: Theatre, stages: list[float]) -> None:
        with pytest.raises(Invalid) as refused:
            await stage.draft(plan={"stages": stages})
        assert all(fault.path.startswith("/plan/stages") for fault in refused.value.faults)
