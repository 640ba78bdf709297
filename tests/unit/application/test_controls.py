from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from application.progression import locked
from domain.errors import Invalid, Missing, Refusal, Unavailable
from domain.gates import Verdict
from domain.people import PermissionMissing, Role
from domain.people.acts import AssertionForged, AssertionUsed
from domain.rollouts import AlreadyTerminal, GateNotPassed, NotRunning, State, Verb
from tests.world import World


async def judged(world: World, rollout: UUID, verdict: Verdict | None) -> None:
    async with world.store.transaction(world.tenant.id) as tx:
        found = await tx.rollouts.get(rollout)
        assert found is not None
        await tx.rollouts.save(replace(found, verdict=verdict))


class TestPromotion:
    @pytest.mark.req("S37")
    async def test_of_an_inconclusive_gate_covers_that_gate_only(self, world: World) -> None:
        rollout = await world.running()
        await judged(world, rollout, Verdict.INCONCLUSIVE)
        await world.progression.move(world.step(rollout), State.PAUSED, "inconclusive")
        assert await world.control("olu", rollout, Verb.PROMOTE) is State.RUNNING
        await world.progression.expose(world.step(rollout), 1)
        with pytest.raises(GateNotPassed):
            await world.control("olu", rollout, Verb.PROMOTE)
        (event,) = [row for row in await world.events("rollout:state:moved") if row.event["actor"] == str(world.olu.id)]
        assert event.event["reason"] == "because I say so"

    @pytest.mark.req("S38")
    @pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.NO_DATA, Verdict.PROVIDER_ERROR, None])
    async def test_past_a_bad_or_blind_gate_is_refused(self, world: World, verdict: Verdict | None) -> None:
        rollout = await world.running()
        await judged(world, rollout, verdict)
        with pytest.raises(GateNotPassed):
            await world.control("olu", rollout, Verb.PROMOTE)

    @pytest.mark.req("S38")
    async def test_needs_the_permission(self, world: World) -> None:
        rollout = await world.running()
        await judged(world, rollout, Verdict.PASS)
        for handle in ("ada", "bob", "eve"):
            with pytest.raises(PermissionMissing):
                await world.control(handle, rollout, Verb.PROMOTE)
        assert world.processes.controls == []


class TestActs:
    async def test_pause_and_resume(self, world: World) -> None:
        rollout = await world.running()
        assert await world.control("olu", rollout, Verb.PAUSE) is State.PAUSED
        with pytest.raises(NotRunning):
            await world.control("olu", rollout, Verb.PAUSE)
        assert await world.control("ada", rollout, Verb.RESUME) is State.RUNNING
        assert (await world.rollout(rollout)).percent == 10.0

    async def test_abort_goes_back_once_somebody_is_served(self, world: World) -> None:
        assert await world.control("olu", await world.running(), Verb.ABORT) is State.ROLLING_BACK

    async def test_abort_cancels_what_nobody_is_served(self, world: World) -> None:
        submitted = await world.submit()
        assert await world.control("olu", submitted.rollout.id, Verb.ABORT) is State.CANCELLED
        change = await world.changes.get(world.ada, submitted.change.id)
        assert change.status.value == "WITHDRAWN"
        with pytest.raises(AlreadyTerminal):
            await world.control("olu", submitted.rollout.id, Verb.ABORT)

    @pytest.mark.req("S72")
    @pytest.mark.parametrize("newer", [None, UUID(int=7)])
    async def test_what_is_accepted_as_it_is_ends_as_what_began_its_way_back_says(
        self, world: World, newer: UUID | None
    ) -> None:
        rollout = await world.running()
        async with world.store.transaction(world.tenant.id) as tx:
            await tx.rollouts.save(replace(await locked(tx, rollout), superseded_by=newer))
        for state in (State.ROLLING_BACK, State.ROLLBACK_INCOMPLETE):
            await world.progression.move(world.step(rollout), state, "targets_drifted")
        ended = await world.control("olu", rollout, Verb.ACCEPT)
        assert ended is (State.SUPERSEDED if newer else State.ROLLED_BACK)

    async def test_needs_a_reason(self, world: World) -> None:
        rollout = await world.running()
        with pytest.raises(Invalid):
            await world.rollouts.control(world.olu, rollout, Verb.PAUSE, "  x ")

    async def test_of_nothing_is_missing(self, world: World) -> None:
        with pytest.raises(Missing):
            await world.rollouts.control(world.olu, uuid4(), Verb.PAUSE, "because")
        with pytest.raises(Missing):
            await world.controlling.apply(world.act(uuid4(), Verb.PAUSE, "act.none"))

    async def test_says_so_when_temporal_does_not_answer(self, world: World) -> None:
        rollout = await world.running()
        world.processes.down = True
        with pytest.raises(Unavailable):
            await world.rollouts.control(world.olu, rollout, Verb.PAUSE, "because")
        assert (await world.rollout(rollout)).state is State.RUNNING


class TestWorkflowThatIsBehind:
    """The database says where a rollout stands in the moment before its workflow hears of it."""

    @pytest.mark.parametrize("behind", [NotRunning(state="PAUSED", verb="pause"), GateNotPassed(verdict=None)])
    async def test_is_asked_again(self, world: World, monkeypatch: pytest.MonkeyPatch, behind: Refusal) -> None:
        rollout, hear, refusals = await world.running(), world.processes.control, [behind, behind]

        async def late(*act: Any) -> None:
            if refusals:
                raise refusals.pop()
            await hear(*act)

        monkeypatch.setattr(world.processes, "control", late)
        assert await world.control("olu", rollout, Verb.PAUSE) is State.PAUSED
        assert refusals == []

    async def test_that_has_moved_on_is_not(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        rollout, asked = await world.running(), []

        async def ended(*act: Any) -> None:
            asked.append(act)
            await world.progression.move(world.step(rollout), State.ROLLING_BACK, "gate_failed")
            raise NotRunning(state="ROLLING_BACK", verb="pause")

        monkeypatch.setattr(world.processes, "control", ended)
        with pytest.raises(NotRunning):
            await world.rollouts.control(world.olu, rollout, Verb.PAUSE, "because")
        assert len(asked) == 1


class TestWhereItTakesEffect:
    async def test_a_step_tried_again_is_done_once(self, world: World) -> None:
        rollout = await world.running()
        await world.control("olu", rollout, Verb.PAUSE, "7:act:pause")
        lines = await world.timeline(rollout)
        again = world.act(rollout, Verb.PAUSE, world.processes.controls[-1][2], "7:act:pause")
        assert await world.controlling.apply(again) is State.PAUSED
        assert await world.timeline(rollout) == lines

    async def test_a_request_sent_again_is_told_where_the_rollout_stands_and_asks_nothing(self, world: World) -> None:
        rollout, asking = await world.running(), replace(world.olu, request=uuid4())
        world.people["olu"] = asking
        await world.control("olu", rollout, Verb.PAUSE)
        await world.control("ada", rollout, Verb.RESUME)
        again = await world.rollouts.control(asking, rollout, Verb.PAUSE, "because I say so")
        assert (again.state, len(world.processes.controls)) == (State.RUNNING, 2)

    async def test_a_request_that_never_arrived_is_signed_again(self, world: World) -> None:
        rollout, asking = await world.running(), replace(world.olu, request=uuid4())
        world.processes.down = True
        with pytest.raises(Unavailable):
            await world.rollouts.control(asking, rollout, Verb.PAUSE, "because I say so")
        world.processes.down, world.people["olu"] = False, asking
        assert await world.control("olu", rollout, Verb.PAUSE) is State.PAUSED

    async def test_a_proof_has_one_effect(self, world: World) -> None:
        rollout = await world.running()
        await world.control("olu", rollout, Verb.PAUSE)
        await world.control("olu", rollout, Verb.RESUME)
        with pytest.raises(AssertionUsed):
            await world.controlling.apply(world.act(rollout, Verb.PAUSE, world.processes.controls[0][2]))
        assert (await world.rollout(rollout)).state is State.RUNNING
        (event,) = await world.events("rollout:act:refused")
        assert event.event["after"]["refusal"] == "assertion-used"

    async def test_a_forged_act_is_refused_and_recorded(self, world: World) -> None:
        rollout = await world.running()
        with pytest.raises(AssertionForged):
            await world.controlling.apply(world.act(rollout, Verb.ABORT, "act.forged"))
        (event,) = await world.events("rollout:act:refused")
        assert (event.event["outcome"], event.event["after"]["refusal"]) == ("denied", "assertion-forged")

    async def test_an_act_is_for_one_verb(self, world: World) -> None:
        rollout = await world.running()
        await world.rollouts.control(world.olu, rollout, Verb.PAUSE, "because")
        with pytest.raises(AssertionForged):
            await world.controlling.apply(world.act(rollout, Verb.ABORT, world.processes.controls[-1][2]))

    async def test_roles_of_now_decide(self, world: World) -> None:
        rollout = await world.running()
        await world.rollouts.control(world.olu, rollout, Verb.PAUSE, "because")
        await world.tenants.set_roles(world.root, "olu", frozenset({Role.VIEWER}), "left the team")
        with pytest.raises(PermissionMissing):
            await world.controlling.apply(world.act(rollout, Verb.PAUSE, world.processes.controls[-1][2]))
        assert (await world.rollout(rollout)).state is State.RUNNING


class TestReading:
    async def test_is_for_the_tenant(self, world: World) -> None:
        rollout = await world.running()
        assert [r.id for r in await world.rollouts.page(world.eve, None, 10)] == [rollout]
        assert (await world.rollouts.timeline(world.eve, rollout))[1][0].step == "submitted"
        assert await world.rollouts.evidence(world.eve, rollout) == []
