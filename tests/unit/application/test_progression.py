from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.memory.store import MemoryStore
from domain.approvals import Standing
from domain.changes import ChangeSet, DigestTampered
from domain.errors import Missing
from domain.gates import Verdict
from domain.people import Role
from domain.rollouts import (
    AlreadyTerminal,
    GateNotPassed,
    NotRunning,
    Phase,
    StaleGeneration,
    State,
    Verb,
)
from tests.world import OFF, ON, World


def tampered(world: World, change: ChangeSet) -> None:
    """Somebody with a disk editor turns the stored content into something else."""
    assert isinstance(world.store, MemoryStore)
    rows = world.store._rows[world.tenant.id]
    target = replace(change.target, content={**ON, "variants": {"on": False, "off": False}})
    rows.changes[change.id] = replace(change, content=replace(change.content, targets=(target,)))


class TestAdmission:
    async def test_runs_what_was_approved(self, world: World) -> None:
        submitted = await world.approved()
        admission = await world.admit(submitted.rollout.id)
        rollout = await world.rollout(submitted.rollout.id)
        assert (admission.state, rollout.phase, rollout.percent) == (State.RUNNING, Phase.APPLYING, 0.0)
        states = [line.to_state for line in await world.timeline(rollout.id)]
        assert states == [State.AWAITING_APPROVAL, State.SCHEDULED, State.QUEUED, State.PREFLIGHT, State.RUNNING]

    async def test_tried_again_is_done_once(self, world: World) -> None:
        submitted = await world.approved()
        first = await world.admit(submitted.rollout.id)
        lines = await world.timeline(submitted.rollout.id)
        assert (await world.admit(submitted.rollout.id)).state is first.state
        assert await world.timeline(submitted.rollout.id) == lines

    async def test_nothing_runs_that_nobody_approved(self, world: World) -> None:
        submitted = await world.submit()
        await world.vote("bob", submitted.approval.id)
        assert (await world.admit(submitted.rollout.id)).state is State.AWAITING_APPROVAL
        assert (await world.rollout(submitted.rollout.id)).state is State.AWAITING_APPROVAL

    @pytest.mark.req("S15")
    async def test_a_vote_whose_role_is_gone_no_longer_counts(self, world: World) -> None:
        submitted = await world.approved()
        await world.tenants.set_roles(world.root, "cyd", frozenset({Role.VIEWER}), "moved")
        for _ in range(2):
            assert (await world.admit(submitted.rollout.id)).state is State.AWAITING_APPROVAL
        counted = await world.state(submitted.approval.id)
        assert (counted.standing, [b.voter for b in counted.ballots]) == (Standing.PENDING, [world.bob.id])
        (event,) = await world.events("approval:vote:dropped")
        assert event.event["after"] == {"why": "approver_no_longer_eligible"}
        await world.vote("dee", submitted.approval.id)
        assert (await world.admit(submitted.rollout.id, "admit-again")).state is State.RUNNING

    @pytest.mark.req("S15")
    async def test_whoever_is_asked_again_is_told_by_whom_and_until_when(self, world: World) -> None:
        submitted = await world.approved()
        await world.tenants.set_roles(world.root, "cyd", frozenset({Role.VIEWER}), "moved")
        await world.admit(submitted.rollout.id)
        await world.vote("dee", submitted.approval.id)
        await world.tenants.set_roles(world.root, "dee", frozenset({Role.VIEWER}), "moved, too")
        await world.admit(submitted.rollout.id, "admit-again")
        again = [each for each in await world.notices() if each.facts.get("occasion", "").startswith("reopened")]
        assert [each.recipient for each in again].count(None) == 2
        deadline = submitted.approval.timetable.deadline.isoformat(timespec="minutes")
        assert {(each.facts["requester"], each.facts["deadline"]) for each in again} == {("ada", deadline)}

    @pytest.mark.req("S17")
    async def test_a_yes_does_not_keep_for_ever(self, world: World) -> None:
        submitted = await world.approved()
        world.clock += timedelta(hours=73)
        for _ in range(2):
            assert (await world.admit(submitted.rollout.id)).state is State.EXPIRED
        assert (await world.flag()).version == 1  # type: ignore[union-attr]  # it is there
        assert (await world.state(submitted.approval.id)).standing is Standing.EXPIRED

    @pytest.mark.req("S23")
    async def test_tampered_content_is_invalidated(self, world: World) -> None:
        submitted = await world.approved()
        tampered(world, submitted.change)
        admission = await world.admit(submitted.rollout.id)
        assert (admission.state, admission.why) == (State.INVALIDATED, "digest_tampered")

    async def test_of_nothing_is_missing(self, world: World) -> None:
        with pytest.raises(Missing):
            await world.admit(world.ada.id)


class TestExposure:
    async def test_serves_a_share_and_then_everybody(self, world: World) -> None:
        rollout = await world.running()
        flag = await world.flag()
        assert flag is not None
        assert flag.definition["targeting"] == {"fractional": [["on", 10_000], ["off", 90_000]]}
        assert flag.origin == f"rollout:{rollout}:stage:0"
        for stage in (1, 2, 3):
            await world.judged(rollout)
            await world.progression.expose(world.step(rollout), stage)
        flag = await world.flag()
        assert flag is not None
        assert (flag.version, flag.definition) == (5, ON)
        assert [line.percent for line in await world.timeline(rollout)][-4:] == [10.0, 25.0, 50.0, 100.0]
        assert len(await world.events("flag:exposure:changed")) == 4

    async def test_a_step_that_was_done_is_not_done_again(self, world: World) -> None:
        rollout = await world.running()
        assert await world.progression.expose(world.step(rollout, "expose:0"), 0) == 2
        assert (await world.flag()).version == 2  # type: ignore[union-attr]  # it is there

    @pytest.mark.req("S76")
    @pytest.mark.parametrize("stage", [0, 2, 3])
    async def test_no_stage_is_skipped_or_repeated(self, world: World, stage: int) -> None:
        rollout = await world.running()
        with pytest.raises(StaleGeneration):
            await world.progression.expose(world.step(rollout), stage)

    @pytest.mark.req("S76")
    async def test_over_somebody_elses_write_is_refused(self, world: World) -> None:
        rollout = await world.running()
        await world.judged(rollout)
        await world.put(OFF)
        with pytest.raises(StaleGeneration):
            await world.progression.expose(world.step(rollout), 1)
        assert (await world.rollout(rollout)).stage == 0

    @pytest.mark.req("S23")
    async def test_of_tampered_content_is_refused(self, world: World) -> None:
        submitted = await world.approved()
        await world.admit(submitted.rollout.id)
        tampered(world, submitted.change)
        with pytest.raises(DigestTampered):
            await world.progression.expose(world.step(submitted.rollout.id, "expose"), 0)
        assert (await world.flag()).version == 1  # type: ignore[union-attr]  # it is there
        (event,) = await world.events("rollout:act:refused")
        assert event.event["after"] == {"refusal": "digest-tampered", "step": "expose"}

    @pytest.mark.req("I2")
    @pytest.mark.req("I1")
    @pytest.mark.parametrize("verdict", [None, Verdict.CONTINUE, Verdict.NO_DATA, Verdict.FAIL, Verdict.INCONCLUSIVE])
    async def test_does_not_rise_past_a_gate_that_has_not_passed(self, world: World, verdict: Verdict | None) -> None:
        rollout = await world.running()
        await world.judged(rollout, verdict)
        with pytest.raises(GateNotPassed):
            await world.progression.expose(world.step(rollout), 1)
        assert (await world.flag()).version == 2  # type: ignore[union-attr]  # it is there

    async def test_rises_when_a_person_promoted(self, world: World) -> None:
        rollout = await world.running()
        await world.judged(rollout, Verdict.CONTINUE)
        await world.control("olu", rollout, Verb.PROMOTE)
        assert await world.progression.expose(world.step(rollout), 1) == 3

    async def test_does_not_rise_while_an_operator_holds_it(self, world: World) -> None:
        rollout = await world.running()
        await world.judged(rollout)
        await world.control("olu", rollout, Verb.PAUSE)
        with pytest.raises(NotRunning):
            await world.progression.expose(world.step(rollout), 1)
        await world.control("olu", rollout, Verb.RESUME)
        assert await world.progression.expose(world.step(rollout), 1) == 3

    async def test_a_pause_before_the_first_stage_loses_nothing(self, world: World) -> None:
        submitted = await world.approved()
        await world.admit(submitted.rollout.id)
        await world.control("olu", submitted.rollout.id, Verb.PAUSE)
        with pytest.raises(NotRunning):
            await world.progression.expose(world.step(submitted.rollout.id), 0)
        await world.control("olu", submitted.rollout.id, Verb.RESUME)
        assert await world.progression.expose(world.step(submitted.rollout.id), 0) == 2

    async def test_of_a_new_flag_creates_it_and_back_disables_it(self, world: World) -> None:
        change = await world.propose(base_version=0, plan={"strategy": "direct"})
        await world.submission.submit(world.ada, change.id)
        await world.vote("bob", change.id)
        await world.vote("cyd", change.id)
        await world.admit(change.id)
        assert await world.progression.expose(world.step(change.id), 0) == 1
        await world.progression.move(world.step(change.id), State.ROLLING_BACK, "gate_failed")
        assert await world.back(world.step(change.id)) is State.ROLLED_BACK
        flag = await world.flag()
        assert flag is not None
        assert (flag.version, flag.definition["state"]) == (2, "DISABLED")


class TestGoingBack:
    @pytest.mark.req("I5")
    async def test_restores_the_stable_content_as_a_new_version(self, world: World) -> None:
        rollout = await world.running()
        await world.progression.move(world.step(rollout, "back"), State.ROLLING_BACK, "gate_failed")
        for _ in range(2):
            assert await world.back(world.step(rollout, "restore")) is State.ROLLED_BACK
        flag = await world.flag()
        assert flag is not None
        assert (flag.version, flag.definition, flag.origin) == (3, OFF, f"rollback_of:{rollout}")
        found = await world.rollout(rollout)
        assert (found.cause, found.percent) == ("gate_failed", 0.0)
        assert await world.told("rollout_finished") == {"ada", None}

    @pytest.mark.req("S72")
    async def test_does_not_overwrite_who_wrote_since(self, world: World) -> None:
        rollout = await world.running()
        await world.put({**OFF, "metadata": {"a": 1}})
        await world.progression.move(world.step(rollout), State.ROLLING_BACK, "gate_failed")
        assert await world.back(world.step(rollout)) is State.ROLLBACK_INCOMPLETE
        assert (await world.flag()).version == 3  # type: ignore[union-attr]  # it is there

    async def test_before_anything_was_served_writes_nothing(self, world: World) -> None:
        submitted = await world.approved()
        await world.admit(submitted.rollout.id)
        await world.progression.move(world.step(submitted.rollout.id), State.ROLLING_BACK, "abort_by_operator")
        assert await world.back(world.step(submitted.rollout.id)) is State.ROLLED_BACK
        assert (await world.flag()).version == 1  # type: ignore[union-attr]  # it is there

    @pytest.mark.req("S73")
    async def test_an_incomplete_one_may_be_asked_for_again(self, world: World) -> None:
        rollout = await world.running()
        for state in (State.ROLLING_BACK, State.ROLLBACK_INCOMPLETE):
            await world.progression.move(world.step(rollout), state, "database_away")
        await world.control("olu", rollout, Verb.ROLLBACK)
        assert await world.back(world.step(rollout)) is State.ROLLED_BACK

    async def test_is_begun_once_whoever_asks(self, world: World) -> None:
        rollout = await world.running()
        assert await world.control("olu", rollout, Verb.ABORT) is State.ROLLING_BACK
        late = world.step(rollout, "late")
        assert await world.progression.move(late, State.ROLLING_BACK, "could_not_be_applied") is State.ROLLING_BACK
        begun = [line.cause for line in await world.timeline(rollout) if line.to_state is State.ROLLING_BACK]
        assert begun == ["abort_by_operator"]


class TestTheEnd:
    async def test_success_is_told_once_and_final(self, world: World) -> None:
        rollout = await world.running(plan={"stages": [100]})
        for _ in range(2):
            await world.progression.move(world.step(rollout, "bake"), State.BAKING, "passed")
        for _ in range(2):
            assert await world.progression.move(world.step(rollout, "end"), State.SUCCEEDED, "done") is State.SUCCEEDED
        assert await world.told("rollout_finished") == {"ada", None}
        assert await world.progression.move(world.step(rollout), State.ROLLING_BACK, "late") is State.SUCCEEDED
        assert await world.back(world.step(rollout)) is State.SUCCEEDED
        with pytest.raises(AlreadyTerminal):
            await world.control("olu", rollout, Verb.ABORT)

    async def test_of_an_approval_that_was_not_given(self, world: World) -> None:
        submitted = await world.submit()
        for _ in range(2):
            state = await world.progression.settle(world.step(submitted.rollout.id), State.EXPIRED, "expired")
            assert state is State.EXPIRED
        assert (await world.submit(id=world.eve.id)).rollout.state is State.AWAITING_APPROVAL

    async def test_goes_back_when_it_was_admitted_after_all(self, world: World) -> None:
        rollout = await world.running()
        for _ in range(2):
            state = await world.progression.settle(world.step(rollout), State.CANCELLED, "workflow_cancelled")
            assert state is State.ROLLING_BACK

    async def test_is_no_success_once_somebody_else_wrote(self, world: World) -> None:
        rollout = await world.running(plan={"stages": [100]})
        await world.progression.move(world.step(rollout), State.BAKING, "passed")
        await world.put(OFF)
        with pytest.raises(StaleGeneration):
            await world.progression.move(world.step(rollout), State.SUCCEEDED, "done")
