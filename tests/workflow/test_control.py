"""Operators pause, resume, promote, abort and roll back; what cannot be done is refused in the product's own words."""

import asyncio
from uuid import UUID, uuid4

import pytest

from adapters.temporal.client import TemporalUnavailable
from domain.audit import Action
from domain.gates import Verdict
from domain.people import Actor, PermissionMissing
from domain.people.acts import AssertionForged
from domain.rollouts import AlreadyTerminal, GateNotPassed, NotRunning, State, Verb
from tests.workflow.theatre import CLASSIC, DIRECT, PRODUCTION, Theatre, plan, seen


async def ask(stage: Theatre, who: Actor, change: UUID, verb: Verb) -> None:
    """Ask the workflow itself, past what the use case would refuse."""
    assertion = await stage.acting.sign(who, verb.value, change, {"reason": "because of the story"})
    await stage.processes.control(change, verb, assertion)


class TestPause:
    @pytest.mark.req("I2", "FR-CFG-006")
    async def test_it_freezes_exposure_while_the_gates_go_on_and_resume_lets_it_rise(self, stage: Theatre) -> None:
        change = await stage.launch()
        await stage.act(stage.house.olu, change, Verb.PAUSE)
        await stage.skip(change, minutes=30)
        paused = await stage.rollout(change)
        assert (paused.state, paused.percent) == (State.PAUSED, 10)
        assert len(await stage.evidence(change)) > 20
        await stage.act(stage.house.olu, change, Verb.RESUME)
        await stage.skip(change, minutes=10)
        assert await stage.end(change) is State.SUCCEEDED

    async def test_pause_resume_and_promote(self, stage: Theatre) -> None:
        change = await stage.launch()
        await stage.act(stage.house.olu, change, Verb.PAUSE)
        await stage.act(stage.house.olu, change, Verb.RESUME)
        await stage.skip(change, minutes=1, seconds=30)
        assert (await stage.rollout(change)).verdict is Verdict.CONTINUE
        await stage.act(stage.house.olu, change, Verb.PROMOTE, "seen enough")
        assert await stage.end(change) is State.SUCCEEDED
        assert await stage.percents(change) == [0, 10, 100]

    @pytest.mark.req("I2")
    async def test_it_holds_what_was_promoted_and_is_not_yet_applied(self, stage: Theatre) -> None:
        change, olu = await stage.launch(), stage.house.olu
        await stage.skip(change, minutes=1, seconds=30)
        async with stage.store.transaction(stage.house.id) as tx:
            await tx.rollouts.get(change, lock=True)
            promoting = asyncio.create_task(ask(stage, olu, change, Verb.PROMOTE))
            await seen(lambda: stage.doing(change, "rollout.control"))
            pausing = asyncio.create_task(ask(stage, olu, change, Verb.PAUSE))
            await asyncio.sleep(0.3)
        await asyncio.gather(promoting, pausing)
        await stage.skip(change, minutes=5)
        held = await stage.rollout(change)
        assert (held.state, held.percent) == (State.PAUSED, 10)
        await stage.act(olu, change, Verb.RESUME)
        assert await stage.end(change) is State.SUCCEEDED

    @pytest.mark.req("I8")
    async def test_it_ends_by_itself_in_going_back(self, stage: Theatre) -> None:
        change = await stage.launch(plan=plan(check_interval_seconds=3600))
        await stage.act(stage.house.olu, change, Verb.PAUSE)
        await stage.skip(change, hours=26)
        assert await stage.end(change) is State.ROLLED_BACK
        assert (await stage.rollout(change)).cause == "operator_deadline"


class TestGoingBack:
    @pytest.mark.parametrize("verb", [Verb.ABORT, Verb.ROLLBACK])
    async def test_operator_takes_it_back_at_once(self, stage: Theatre, verb: Verb) -> None:
        change = await stage.launch()
        await stage.act(stage.house.olu, change, verb, "customers complain")
        assert await stage.end(change) is State.ROLLED_BACK
        assert await stage.served() == CLASSIC
        (line,) = [line for line in await stage.timeline(change) if line.to_state is State.ROLLING_BACK]
        assert (line.actor, line.reason) == (stage.house.olu.id, "customers complain")

    async def test_operator_takes_it_back_from_a_pause(self, stage: Theatre) -> None:
        change = await stage.launch()
        await stage.act(stage.house.olu, change, Verb.PAUSE)
        await stage.act(stage.house.olu, change, Verb.ABORT)
        assert await stage.end(change) is State.ROLLED_BACK

    async def test_operator_takes_it_back_from_the_bake(self, stage: Theatre) -> None:
        await stage.policy()
        change = await stage.submit(plan={**DIRECT, "bake_seconds": 600})
        await stage.until(change, State.BAKING)
        await stage.act(stage.house.olu, change, Verb.ROLLBACK)
        assert await stage.end(change) is State.ROLLED_BACK
        assert await stage.served() == CLASSIC

    @pytest.mark.req("S74")
    async def test_abort_while_a_stage_is_applied_waits_for_it_and_takes_it_back(self, stage: Theatre) -> None:
        change = await stage.launch()
        async with stage.store.transaction(stage.house.id) as tx:
            await tx.flags.get(PRODUCTION, "checkout", lock=True)
            skipping = asyncio.create_task(stage.skip(change, minutes=10))
            await seen(lambda: stage.doing(change, "rollout.expose"))
            aborting = asyncio.create_task(stage.act(stage.house.olu, change, Verb.ABORT))
            await asyncio.sleep(0.3)
        await aborting
        assert await stage.end(change) is State.ROLLED_BACK
        await skipping
        assert await stage.served() == CLASSIC
        assert await stage.percents(change) == [0, 10, 100, 0]


class TestRefusals:
    """The workflow says no with the same word as the use case, and without a trace in its history."""

    async def test_each_verb_from_where_it_cannot_be(self, stage: Theatre) -> None:
        change = await stage.launch()
        for verb in (Verb.RESUME, Verb.WITHDRAW):
            with pytest.raises(NotRunning) as refused:
                await ask(stage, stage.house.olu, change, verb)
            assert refused.value.facts == {"state": "RUNNING", "verb": verb.value}
        with pytest.raises(GateNotPassed):
            await ask(stage, stage.house.olu, change, Verb.PROMOTE)
        assert await stage.audited(Action.ACT_REFUSED, change) == []

    async def test_what_has_ended(self, stage: Theatre) -> None:
        await stage.policy()
        change = await stage.submit(plan=DIRECT)
        assert await stage.end(change) is State.SUCCEEDED
        with pytest.raises(AlreadyTerminal):
            await ask(stage, stage.house.olu, change, Verb.ABORT)
        with pytest.raises(AlreadyTerminal):
            await stage.act(stage.house.olu, change, Verb.ABORT)

    async def test_who_may_not(self, stage: Theatre) -> None:
        change = await stage.launch()
        with pytest.raises(PermissionMissing):
            await ask(stage, stage.house.eve, change, Verb.ABORT)
        (refused,) = await stage.audited(Action.ACT_REFUSED, change)
        assert (refused["outcome"], refused["after"]["verb"]) == ("denied", "abort")
        assert (await stage.rollout(change)).state is State.RUNNING

    async def test_nothing_that_was_signed_for_something_else(self, stage: Theatre) -> None:
        change = await stage.launch()
        pause = await stage.acting.sign(stage.house.olu, Verb.PAUSE.value, change, {"reason": "one thing"})
        with pytest.raises(AssertionForged):
            await stage.processes.control(change, Verb.ABORT, pause)
        with pytest.raises(AssertionForged):
            await stage.processes.control(change, Verb.ABORT, "")
        assert (await stage.rollout(change)).state is State.RUNNING

    async def test_what_temporal_does_not_know(self, stage: Theatre) -> None:
        with pytest.raises(TemporalUnavailable):
            await ask(stage, stage.house.olu, uuid4(), Verb.ABORT)

    async def test_same_act_at_once_twice_is_done_once(self, stage: Theatre) -> None:
        change = await stage.launch()
        asked = [ask(stage, stage.house.olu, change, Verb.PAUSE) for _ in range(3)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert sorted(type(answer).__name__ for answer in answers) == ["NoneType", "NotRunning", "NotRunning"]
        assert sum(line.to_state is State.PAUSED for line in await stage.timeline(change)) == 1
