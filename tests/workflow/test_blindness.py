"""What cannot be seen is neither good nor bad: exposure stands still, and blindness has an end."""

from datetime import timedelta

import pytest

from adapters.memory.metrics import NEVER, Traffic
from domain.errors import Fault, Invalid
from domain.gates import ProviderError, Reading, Verdict
from domain.rollouts import State, Verb
from tests.workflow.theatre import CLASSIC, Theatre, now, plan

MINUTE = timedelta(minutes=1)
SLOW = plan(check_interval_seconds=300)


class TestProviderAway:
    @pytest.mark.req("S49", "I2")
    async def test_ten_minutes_without_an_answer_cost_ten_minutes(self, stage: Theatre) -> None:
        stage.metrics.outage(now() + 90 * timedelta(seconds=1), now() + 10 * MINUTE)
        change = await stage.launch()
        await stage.skip(change, minutes=9)
        during = await stage.rollout(change)
        assert (during.state, during.percent, during.verdict) == (State.RUNNING, 10, Verdict.PROVIDER_ERROR)
        await stage.skip(change, minutes=10)
        assert await stage.end(change) is State.SUCCEEDED
        assert await stage.percents(change) == [0, 10, 100]

    @pytest.mark.req("S49", "I2")
    async def test_longer_than_the_grace_holds_it_and_it_goes_on_by_itself(self, stage: Theatre) -> None:
        stage.metrics.outage(now(), now() + 40 * MINUTE)
        change = await stage.launch(plan=SLOW)
        await stage.skip(change, minutes=30)
        held = await stage.rollout(change)
        assert (held.state, held.cause, held.percent) == (State.PAUSED, "provider_unavailable", 10)
        await stage.skip(change, hours=1)
        assert await stage.end(change) is State.SUCCEEDED
        assert "counts_are_back" in [line.cause for line in await stage.timeline(change)]

    @pytest.mark.req("S50", "I8")
    async def test_hours_without_an_answer_take_it_back(self, stage: Theatre) -> None:
        stage.metrics.outage(now(), now() + timedelta(hours=30))
        change = await stage.launch(plan=plan(check_interval_seconds=600))
        await stage.skip(change, hours=3)
        assert await stage.end(change) is State.ROLLED_BACK
        assert (await stage.rollout(change)).cause == "blind_budget"
        assert await stage.served() == CLASSIC

    async def test_blind_end_of_the_bake_is_no_clean_end(self, stage: Theatre) -> None:
        change = await stage.launch(plan=plan(bake_seconds=300))
        await stage.skip(change, minutes=5)
        assert (await stage.rollout(change)).state is State.BAKING
        stage.metrics.outage(now(), now() + 30 * MINUTE)
        await stage.skip(change, minutes=20)
        assert (await stage.rollout(change)).state is State.BAKING
        await stage.skip(change, minutes=20)
        assert await stage.end(change) is State.SUCCEEDED


class TestOddAnswers:
    @pytest.mark.req("S51")
    async def test_no_number_is_no_verdict(self, stage: Theatre) -> None:
        stage.metrics.silence("express", now(), now() + 5 * MINUTE)
        change = await stage.launch()
        await stage.skip(change, minutes=4, seconds=30)
        verdicts = {check.verdict for check in await stage.evidence(change)}
        assert verdicts <= {Verdict.NO_DATA, Verdict.CONTINUE}
        assert Verdict.NO_DATA in verdicts
        await stage.skip(change, minutes=10)
        assert await stage.end(change) is State.SUCCEEDED

    @pytest.mark.req("S51", "S52")
    async def test_answer_that_is_not_one_number_is_an_error_of_the_provider(self, stage: Theatre) -> None:
        stage.metrics.answer(ProviderError("ambiguous_series"), Reading(now(), None, None))
        change = await stage.launch()
        await stage.skip(change, minutes=20)
        assert await stage.end(change) is State.SUCCEEDED
        first, second, *_ = await stage.evidence(change)
        assert (first.verdict, "ambiguous_series" in first.sentence) == (Verdict.PROVIDER_ERROR, True)
        assert second.verdict is Verdict.NO_DATA

    @pytest.mark.req("S53")
    async def test_counter_that_starts_again_discards_one_window(self, stage: Theatre) -> None:
        stage.metrics.reset("express", now() + 100 * timedelta(seconds=1))
        change = await stage.launch()
        await stage.skip(change, minutes=20)
        assert await stage.end(change) is State.SUCCEEDED
        discarded = [check for check in await stage.evidence(change) if check.record["cause"] == "counter_reset"]
        assert [check.verdict for check in discarded] == [Verdict.CONTINUE]

    @pytest.mark.req("S57")
    async def test_provider_whose_clock_is_wrong_is_read_by_its_own_clock(self, stage: Theatre) -> None:
        stage.metrics._skew = -5 * MINUTE
        change = await stage.launch()
        await stage.skip(change, minutes=20)
        assert await stage.end(change) is State.SUCCEEDED

    @pytest.mark.req("S55")
    async def test_query_that_cannot_work_is_refused_before_it_is_a_change(self, stage: Theatre) -> None:
        stage.metrics.refuse(Fault("/metrics/templates/errors", "unknown argument {{service}}"))
        with pytest.raises(Invalid):
            await stage.draft()


class TestSilence:
    @pytest.mark.req("S54")
    async def test_candidate_that_alone_gets_no_traffic_is_broken(self, stage: Theatre) -> None:
        stage.metrics.drive("express", Traffic(NEVER))
        change = await stage.launch(plan=SLOW)
        await stage.skip(change, hours=2)
        assert await stage.end(change) is State.ROLLED_BACK
        assert (await stage.rollout(change)).cause == "candidate_without_traffic"

    @pytest.mark.req("S54", "I8")
    async def test_shop_that_is_closed_is_held_for_a_day(self, stage: Theatre) -> None:
        for name in ("express", "classic"):
            stage.metrics.drive(name, Traffic(NEVER))
        change = await stage.launch(plan=plan(check_interval_seconds=3600))
        await stage.skip(change, hours=20)
        held = await stage.rollout(change)
        assert (held.state, held.cause, held.percent) == (State.PAUSED, "no_data", 10)
        await stage.skip(change, hours=10)
        assert await stage.end(change) is State.ROLLED_BACK

    @pytest.mark.req("S58")
    async def test_rollout_that_ends_unmeasured_was_never_passed(self, stage: Theatre) -> None:
        change = await stage.launch()
        await stage.act(stage.house.olu, change, Verb.ABORT)
        assert await stage.end(change) is State.ROLLED_BACK
        assert await stage.evidence(change) == []
        assert (await stage.rollout(change)).verdict is None
