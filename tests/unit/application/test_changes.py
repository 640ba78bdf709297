from typing import Any
from uuid import uuid4

import pytest

from application.controls import NotTheAuthor
from domain.approvals import ApprovalPolicy, Level, Standing
from domain.changes import BaseVersionConflict, ChangeNotDraft, ChangeStatus, NothingChanges, TargetBusy
from domain.errors import Fault, Invalid, Missing, Stale
from domain.people import PermissionMissing
from domain.rollouts import NotRollable, State, Verb
from tests.world import OFF, ON, World


class TestProposal:
    async def test_is_a_draft_with_its_digest(self, world: World) -> None:
        await world.put()
        change = await world.propose()
        assert (change.status, change.author, change.intact) == (ChangeStatus.DRAFT, world.ada.id, True)
        assert change.content.metrics == {"source": "telemetry", "candidate": "on", "control": "off"}
        assert [row.event["change"] for row in await world.events("change:record:created")] == [str(change.id)]

    async def test_asked_twice_is_asked_once(self, world: World) -> None:
        await world.put()
        change = await world.propose()
        assert await world.propose(id=change.id, reason="another reason") == change
        assert len(await world.events("change:record:created")) == 1

    @pytest.mark.req("S41", "S55")
    @pytest.mark.parametrize(
        ("given", "path"),
        [
            ({"reason": "  "}, "/reason"),
            ({"key": "-"}, "/key/key"),
            ({"plan": {"stages": [50, 25, 100]}}, "/plan/stages/1/percent"),
            ({"plan": {"stages": [50]}}, "/plan/stages/0/percent"),
            ({"content": {**ON, "defaultVariant": "no"}}, "/content/defaultVariant"),
            ({"content": {**ON, "state": "DISABLED"}}, "/content/state"),
            ({"content": {**OFF, "metadata": {"a": 1}}}, "/content/defaultVariant"),
            ({"gates": {"min_checks": 0}}, "/gates/min_checks"),
            ({"metrics": {"source": "guess"}}, "/metrics/source"),
            ({"metrics": {"source": ["telemetry"]}}, "/metrics/source"),
            ({"metrics": []}, "/metrics/source"),
            ({"metrics": {"source": "telemetry", "x": 1}}, "/metrics/x"),
            ({"metrics": {"source": "telemetry", "templates": {}}}, "/metrics/templates"),
            ({"metrics": {"source": "prometheus"}}, "/metrics/templates"),
        ],
    )
    async def test_says_where_it_is_wrong(self, world: World, given: dict[str, Any], path: str) -> None:
        await world.put()
        with pytest.raises(Invalid) as refused:
            await world.propose(**given)
        assert path in [fault.path for fault in refused.value.faults]
        assert await world.events("change:record:created") == []

    async def test_on_an_old_version_is_refused(self, world: World) -> None:
        await world.put()
        await world.put({**OFF, "metadata": {"owner": "shop"}})
        with pytest.raises(BaseVersionConflict) as refused:
            await world.propose()
        assert refused.value.facts == {"present_version": 2, "base_version": 1}

    async def test_of_what_is_there_already_is_refused(self, world: World) -> None:
        await world.put(ON)
        with pytest.raises(NothingChanges):
            await world.propose()

    async def test_whose_stages_would_hold_too_large_a_rule_is_refused(self, world: World) -> None:
        """A stage looks twice at what a rule in JsonLogic gives, and once at what was authored."""
        people = [f"user-{n}" for n in range(3_000)]
        large = {"if": [{"in": [{"var": "targetingKey"}, people]}, "on"]}
        await world.put({**OFF, "targeting": large})
        with pytest.raises(NotRollable) as refused:
            await world.propose(content={**ON, "targeting": large})
        assert "too large" in refused.value.faults[0].message
        authored = {"state": "ENABLED", "variants": OFF["variants"], "authoring": {"targets": {"on": people}}}
        await world.put({**authored, "defaultVariant": "off"}, key="search")
        change = await world.propose(key="search", content={**authored, "defaultVariant": "on"})
        assert change.target.content["authoring"] == authored["authoring"]

    async def test_of_a_new_flag_is_direct(self, world: World) -> None:
        change = await world.propose(base_version=0, plan={"strategy": "direct"})
        assert (change.content.gates, change.content.metrics) == (None, None)
        with pytest.raises(Invalid):
            await world.propose(base_version=0)

    @pytest.mark.req("S55")
    async def test_runs_its_queries_once(self, world: World) -> None:
        await world.put()
        world.metrics.refuse(Fault("/metrics/templates/errors", "does not parse"))
        with pytest.raises(Invalid):
            await world.propose()
        assert await world.events("change:record:created") == []

    async def test_needs_permission(self, world: World) -> None:
        await world.put()
        with pytest.raises(PermissionMissing):
            await world.propose(world.bob)

    async def test_shows_what_would_change_and_whether_the_base_moved(self, world: World) -> None:
        await world.put()
        change = await world.propose()
        await world.put({**OFF, "metadata": {"owner": "shop"}})
        shown = await world.changes.diff(world.eve, change.id)
        assert shown["changes"] == [{"op": "changed", "path": "/defaultVariant", "before": "off", "after": "on"}]
        assert (shown["base_version"], shown["present_version"], shown["moved"]) == (1, 2, True)
        assert await world.changes.page(world.eve, None, 10) == [change]
        with pytest.raises(Missing):
            await world.changes.diff(world.eve, uuid4())


class TestSubmission:
    async def test_fixes_opens_and_takes_in_one_go(self, world: World) -> None:
        submitted = await world.submit()
        assert submitted.change.status is ChangeStatus.SUBMITTED
        assert submitted.approval.standing is Standing.PENDING
        assert submitted.rollout.state is State.AWAITING_APPROVAL
        assert world.processes.started == [submitted.rollout.id]
        assert (await world.rollout(submitted.rollout.id)).started
        assert await world.told("approval_requested") == {"abe", "bob", "cyd", "dee", None}

    async def test_twice_gives_the_same_answer(self, world: World) -> None:
        first = await world.submit()
        again = await world.submission.submit(world.ada, first.change.id)
        assert (again.approval, again.rollout.id) == (first.approval, first.rollout.id)
        assert len(await world.events("change:record:submitted")) == 1

    @pytest.mark.req("S81")
    async def test_a_held_target_is_busy(self, world: World) -> None:
        holder = await world.approved()
        await world.admit(holder.rollout.id)
        second = await world.propose(id=uuid4(), plan={"on_conflict": "reject"})
        with pytest.raises(TargetBusy) as refused:
            await world.submission.submit(world.ada, second.id)
        assert refused.value.facts["holder"] == str(holder.rollout.id)
        assert (await world.changes.get(world.ada, second.id)).status is ChangeStatus.DRAFT

    async def test_of_a_stale_revision_or_base_is_refused(self, world: World) -> None:
        await world.put()
        change = await world.propose()
        with pytest.raises(Stale):
            await world.submission.submit(world.ada, change.id, expected=2)
        await world.put(ON)
        with pytest.raises(BaseVersionConflict):
            await world.submission.submit(world.ada, change.id)

    async def test_waits_for_temporal_without_losing_anything(self, world: World) -> None:
        await world.put()
        world.processes.down = True
        submitted = await world.submission.submit(world.ada, (await world.propose()).id)
        assert not (await world.rollout(submitted.rollout.id)).started

    async def test_who_submits_is_an_author_too(self, world: World) -> None:
        await world.put()
        change = await world.propose()
        submitted = await world.submission.submit(world.abe, change.id)
        assert submitted.approval.authors == (world.ada.id, world.abe.id)


class TestWithdrawal:
    async def test_of_a_draft_is_at_once(self, world: World) -> None:
        await world.put()
        change = await world.propose()
        await world.rollouts.withdraw(world.ada, change.id, "changed my mind")
        assert (await world.changes.get(world.ada, change.id)).status is ChangeStatus.WITHDRAWN
        with pytest.raises(ChangeNotDraft):
            await world.submission.submit(world.ada, change.id)

    async def test_is_for_its_authors(self, world: World) -> None:
        await world.put()
        change = await world.propose()
        with pytest.raises(NotTheAuthor):
            await world.rollouts.withdraw(world.root, change.id, "no")

    async def test_of_a_submitted_one_goes_through_its_workflow(self, world: World) -> None:
        submitted = await world.submit()
        await world.rollouts.withdraw(world.ada, submitted.change.id, "changed my mind")
        ((rollout, verb, assertion),) = world.processes.controls
        state = await world.controlling.apply(world.act(rollout, verb, assertion))
        assert state is State.WITHDRAWN
        assert (await world.changes.get(world.ada, submitted.change.id)).status is ChangeStatus.WITHDRAWN
        assert (await world.state(submitted.approval.id)).standing is Standing.WITHDRAWN


async def invalidated(world: World) -> Any:
    """An approved change whose base moved before it was admitted."""
    submitted = await world.approved()
    await world.put({**OFF, "metadata": {"owner": "shop"}})
    assert (await world.admit(submitted.rollout.id)).state is State.INVALIDATED
    return submitted


class TestRebase:
    @pytest.mark.req("S13")
    async def test_a_moved_base_invalidates(self, world: World) -> None:
        submitted = await invalidated(world)
        assert (await world.state(submitted.approval.id)).standing is Standing.INVALIDATED
        assert (await world.flag()).version == 2  # type: ignore[union-attr]  # it is there
        assert {"ada", "bob", "cyd", None} <= await world.told("votes_invalidated")

    @pytest.mark.req("S14")
    async def test_on_other_content_asks_again(self, world: World) -> None:
        submitted = await invalidated(world)
        rebased = await world.changes.rebase(world.ada, submitted.change.id, uuid4())
        assert (rebased.target.base_version, rebased.supersedes) == (2, submitted.change.id)
        assert rebased.target.content == {**ON, "metadata": {"owner": "shop"}}
        again = await world.submission.submit(world.ada, rebased.id)
        assert again.approval.ballots == ()

    @pytest.mark.req("S14")
    async def test_with_the_same_content_keeps_the_votes(self, world: World) -> None:
        submitted = await invalidated(world)
        await world.put(OFF)
        rebased = await world.changes.rebase(world.ada, submitted.change.id, uuid4())
        again = await world.submission.submit(world.ada, rebased.id)
        assert [ballot.voter for ballot in again.approval.ballots] == [world.bob.id, world.cyd.id]
        assert {ballot.digest for ballot in again.approval.ballots} == {rebased.digest}
        assert (await world.state(again.approval.id)).standing is Standing.APPROVED

    @pytest.mark.req("S14")
    async def test_a_yes_is_not_used_twice(self, world: World) -> None:
        submitted = await invalidated(world)
        await world.put(OFF)
        rebased = await world.changes.rebase(world.ada, submitted.change.id, uuid4())
        await world.submission.submit(world.ada, rebased.id)
        await world.state(rebased.id)
        await world.control("ada", rebased.id, Verb.ABORT)
        third = await world.propose(base_version=3, supersedes=submitted.change.id)
        assert (await world.submission.submit(world.ada, third.id)).approval.ballots == ()

    @pytest.mark.req("S14")
    async def test_nor_after_what_it_was_given_for_has_happened(self, world: World) -> None:
        rollout = await world.running()
        await world.control("ada", rollout, Verb.ABORT)
        await world.back(world.step(rollout))
        again = await world.propose(base_version=3, supersedes=rollout)
        assert (await world.submission.submit(world.ada, again.id)).approval.ballots == ()

    async def test_keeps_no_vote_for_a_level_that_is_gone(self, world: World) -> None:
        submitted = await invalidated(world)
        await world.put(OFF)
        await world.policy(ApprovalPolicy((Level(),)))
        rebased = await world.changes.rebase(world.ada, submitted.change.id, uuid4())
        again = await world.submission.submit(world.ada, rebased.id)
        assert [ballot.voter for ballot in again.approval.ballots] == [world.bob.id]
        await world.state(rebased.id)
        assert (await world.admit(rebased.id)).state is State.RUNNING

    async def test_by_a_voter_drops_that_vote(self, world: World) -> None:
        await world.put()
        submitted = await world.submit()
        await world.vote("abe", submitted.approval.id)
        await world.vote("cyd", submitted.approval.id)
        await world.put({**OFF, "metadata": {"a": 1}})
        await world.admit(submitted.rollout.id)
        await world.put(OFF)
        rebased = await world.changes.rebase(world.abe, submitted.change.id, uuid4())
        again = await world.submission.submit(world.abe, rebased.id)
        assert [ballot.voter for ballot in again.approval.ballots] == [world.cyd.id]

    async def test_lists_what_both_sides_changed(self, world: World) -> None:
        await world.put({**OFF, "variants": {"on": True, "off": False, "x": True}})
        change = await world.propose(content={**ON, "variants": {"on": True, "off": False, "x": True}})
        await world.put({**OFF, "variants": {"on": True, "off": False, "x": True}, "defaultVariant": "x"})
        with pytest.raises(BaseVersionConflict) as refused:
            await world.changes.rebase(world.ada, change.id, uuid4())
        assert refused.value.facts["paths"] == ["/defaultVariant"]

    async def test_of_a_flag_that_never_was_is_missing(self, world: World) -> None:
        change = await world.propose(base_version=0, plan={"strategy": "direct"})
        with pytest.raises(Missing):
            await world.changes.rebase(world.ada, change.id, uuid4())
