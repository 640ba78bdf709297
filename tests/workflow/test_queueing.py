"""Rollouts of one target go one after the other, give way, or go on where another stood; frozen, they wait."""

from typing import Any
from uuid import UUID

import pytest

from application.bypassing import Emergency
from application.locking.turns import Turns
from domain.audit import Action
from domain.locks import WhileRunning
from domain.rollouts import State, Verb
from domain.tenants import Tier
from tests.workflow.estates import estate, rolling
from tests.workflow.theatre import CLASSIC, Theatre, plan
from tests.workflow.waits import called, frozen, lifted

SUPERSEDE = {**plan(), "on_conflict": "supersede"}
TAKE_OVER = {**SUPERSEDE, "takeover": "take_over"}


async def two(stage: Theatre, newer: dict[str, Any], *percents: float) -> tuple[UUID, UUID]:
    """One that serves its first stage, and one over the same base that has just asked to start."""
    second = await stage.draft(plan=newer)
    first = await stage.launch(*percents)
    await stage.send(second)
    return first, second


class TestQueue:
    @pytest.mark.req("S81", "I3")
    async def test_the_second_starts_when_the_first_has_ended(self, stage: Theatre) -> None:
        first, second = await two(stage, plan())
        await stage.until(second, State.QUEUED)
        await stage.act(stage.house.olu, first, Verb.ABORT)
        assert await stage.end(first) is State.ROLLED_BACK
        begun = await called(stage, second, State.RUNNING)
        assert begun.base_version == 3
        await stage.skip(second, hours=2)
        assert await stage.end(second) is State.SUCCEEDED

    @pytest.mark.req("S81", "S13")
    async def test_over_what_the_first_has_changed_for_good_it_is_asked_about_again(self, stage: Theatre) -> None:
        first, second = await two(stage, plan())
        await stage.until(second, State.QUEUED)
        await stage.skip(first, hours=2)
        assert await stage.end(first) is State.SUCCEEDED
        ended = await called(stage, second, State.INVALIDATED)
        assert ended.cause == "base_version_moved"

    async def test_who_waits_in_it_may_be_withdrawn(self, stage: Theatre) -> None:
        first, second = await two(stage, plan())
        await stage.until(second, State.QUEUED)
        await stage.act(stage.house.ada, second, Verb.WITHDRAW)
        assert await stage.end(second) in {State.WITHDRAWN, State.CANCELLED}
        assert (await stage.rollout(first)).state is State.RUNNING

    @pytest.mark.req("I8")
    async def test_a_lost_word_delays_it_for_an_hour_and_not_for_ever(self, stage: Theatre) -> None:
        first, second = await two(stage, plan())
        await stage.until(second, State.QUEUED)
        await stage.act(stage.house.olu, first, Verb.ABORT)
        assert await stage.end(first) is State.ROLLED_BACK
        await stage.skip(second, minutes=61)
        await stage.until(second, State.RUNNING)


class TestSuperseding:
    @pytest.mark.req("S82")
    async def test_the_old_one_goes_back_and_the_new_one_starts_from_stable(self, stage: Theatre) -> None:
        old, newer = await two(stage, SUPERSEDE)
        await stage.until(newer, State.QUEUED)
        begun = await called(stage, newer, State.RUNNING)
        assert await stage.end(old) is State.SUPERSEDED
        assert (await stage.rollout(old)).superseded_by == newer
        assert (begun.stage, begun.base_version) == (0, 3)
        await stage.until(newer, State.RUNNING, 4)
        await stage.act(stage.house.olu, newer, Verb.ABORT)
        assert await stage.end(newer) is State.ROLLED_BACK
        assert await stage.served() == CLASSIC

    @pytest.mark.req("S83")
    async def test_or_the_new_one_goes_on_where_the_old_one_stood(self, stage: Theatre) -> None:
        newer = await stage.draft(plan={**TAKE_OVER, "stages": plan(10, 50, 100)["stages"]})
        old = await stage.launch(10, 50, 100)
        await stage.skip(old, minutes=5)
        before = await stage.rollout(old)
        assert before.percent == 50
        await stage.send(newer)
        begun = await stage.until(newer, State.RUNNING, before.live_version + 1)
        assert (begun.percent, begun.base_version) == (50, 1)
        assert await stage.evidence(newer) == []
        await Turns(stage.store, stage.processes).call()
        assert await stage.end(old) is State.SUPERSEDED
        await stage.act(stage.house.olu, newer, Verb.ABORT)
        assert await stage.end(newer) is State.ROLLED_BACK
        assert await stage.served() == CLASSIC

    @pytest.mark.req("S87")
    async def test_an_emergency_comes_first_and_the_holder_goes_back_once(self, stage: Theatre) -> None:
        waits, urgent = await stage.draft(), await stage.draft()
        holder = await stage.launch()
        await stage.send(waits)
        await stage.until(waits, State.QUEUED)
        emergency = Emergency("INC-7", "nobody can pay and nobody can be asked")
        await stage.submission.submit(stage.house.olu, urgent, emergency=emergency)
        stage.played.append(urgent)
        await called(stage, urgent, State.RUNNING)
        assert await stage.end(holder) is State.SUPERSEDED
        ways = [line.to_state for line in await stage.timeline(holder)]
        assert ways.count(State.ROLLING_BACK) == 1
        restored = await stage.audited(Action.FLAG_RESTORED, holder)
        assert len(restored) == 1
        assert (await stage.rollout(waits)).state is State.QUEUED


@pytest.mark.req("S88")
class TestFreeze:
    async def test_keeps_what_was_approved_from_starting_until_it_is_lifted(self, stage: Theatre) -> None:
        await stage.policy()
        freeze = await frozen(stage, WhileRunning.CONTINUE)
        change = await stage.submit()
        await stage.until(change, State.BLOCKED)
        assert await stage.percents(change) == [0]
        await lifted(stage, freeze)
        await called(stage, change, State.RUNNING)

    async def test_or_until_it_ends(self, stage: Theatre) -> None:
        await stage.policy()
        await frozen(stage, WhileRunning.CONTINUE, seconds=8)
        change = await stage.submit()
        await stage.until(change, State.BLOCKED)
        await called(stage, change, State.RUNNING)

    @pytest.mark.req("I2")
    async def test_pauses_what_runs_where_it_says_so(self, stage: Theatre) -> None:
        change = await stage.launch()
        freeze = await frozen(stage, WhileRunning.PAUSE)
        await stage.skip(change, minutes=10)
        held = await stage.until(change, State.PAUSED)
        assert (held.cause, held.percent) == ("frozen", 10)
        await lifted(stage, freeze)
        await stage.skip(change, hours=2)
        assert await stage.end(change) is State.SUCCEEDED
        assert "freeze_is_over" in [line.cause for line in await stage.timeline(change)]

    @pytest.mark.req("I2")
    async def test_and_batches_that_no_gate_watches(self, stage: Theatre) -> None:
        below = await estate(stage, free=Tier.FREE, pro=Tier.PRO)
        change = await below.submit(rolling(pause=600))
        await stage.until(change, State.RUNNING)
        freeze = await frozen(stage, WhileRunning.PAUSE)
        await stage.skip(change, minutes=30)
        assert (await stage.until(change, State.PAUSED)).cause == "frozen"
        assert (await below.served())["pro"] == "classic"
        await lifted(stage, freeze)
        await stage.skip(change, hours=1)
        assert await stage.end(change) is State.SUCCEEDED
        assert set((await below.served()).values()) == {"express"}
        assert "freeze_is_over" in [line.cause for line in await stage.timeline(change)]

    async def test_and_a_bake_that_no_gate_watches(self, stage: Theatre) -> None:
        await stage.policy()
        change = await stage.submit(plan={"strategy": "direct", "bake_seconds": 600}, gates=None)
        await stage.until(change, State.BAKING)
        freeze = await frozen(stage, WhileRunning.PAUSE)
        await stage.skip(change, hours=1)
        assert (await stage.rollout(change)).state is State.BAKING
        await lifted(stage, freeze)
        await stage.skip(change, minutes=10)
        assert await stage.end(change) is State.SUCCEEDED

    async def test_or_lets_it_go_on(self, stage: Theatre) -> None:
        change = await stage.launch()
        await frozen(stage, WhileRunning.CONTINUE)
        await stage.skip(change, hours=2)
        assert await stage.end(change) is State.SUCCEEDED
