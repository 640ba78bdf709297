"""A change that succeeded is taken back by another, which asks whoever such a change asks."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from application.reverting import Reverted, Reverting, RevertWish
from application.settings.wishes import Wish
from application.submission import Submitted
from domain.approvals import ApprovalPolicy, Level
from domain.changes import ChangeStatus, Kind, NothingLeft, NotSucceeded, TouchedSince
from domain.errors import Missing
from domain.people import Actor, PermissionMissing
from domain.rollouts import State
from tests.wishing import DE, SCOPES, WHY, define, govern, needs, resolution, say, ungovern, unset, wish
from tests.world import OFF, PRODUCTION, World

ON: dict[str, Any] = {**OFF, "defaultVariant": "on"}
LIMIT: dict[str, Any] = {"key": "limit", "type": "integer", "scopes": SCOPES}


async def finish(world: World, submitted: Submitted) -> UUID:
    for handle in ("bob", "cyd")[: len(submitted.approval.policy.levels)]:
        await world.vote(handle, submitted.approval.id)
    await world.state(submitted.approval.id)
    rollout = submitted.rollout.id
    assert (await world.admit(rollout)).state is State.RUNNING
    await world.progression.expose(world.step(rollout), 0)
    await world.progression.move(world.step(rollout), State.BAKING, "all_stages_passed")
    assert await world.progression.move(world.step(rollout), State.SUCCEEDED, "completed") is State.SUCCEEDED
    world.clock += timedelta(seconds=1)
    return rollout


async def changed(world: World, *wishes: Wish) -> UUID:
    """A change of values in production that was approved and has succeeded."""
    outcome = await say(world, *wishes, environment=PRODUCTION)
    assert outcome.submitted is not None
    return await finish(world, outcome.submitted)


async def revert(world: World, change: UUID, actor: Actor | None = None, **wish: Any) -> Reverted:
    reverting = Reverting(world.store, world.changes, world.submission, world.setting)
    return await reverting.revert(actor or world.ada, change, RevertWish(**{"reason": WHY, **wish}))


async def reverted(world: World, change: UUID, **wish: Any) -> UUID:
    done = await revert(world, change, **wish)
    assert done.submitted is not None
    return await finish(world, done.submitted)


async def value(world: World, key: str = "limit", scope: str = "") -> Any:
    found = await resolution(world, key, scope, environment=PRODUCTION)
    return found.value if found.found else None


async def touched(world: World, change: UUID, **wish: Any) -> Any:
    with pytest.raises(TouchedSince) as refused:
        await revert(world, change, **wish)
    return refused.value.facts["keys"]


@pytest.fixture
async def defined(world: World) -> World:
    await define(world)
    await define(world, "colour", "string")
    await define(world, "limits", "json")
    return world


@pytest.mark.req("ST83", "FR-SM-032")
class TestValues:
    async def test_are_as_they_were_before_the_change(self, defined: World) -> None:
        await changed(defined, wish("limit", 1))
        change = await changed(defined, wish("limit", 2), wish("colour", "red", DE))
        back = await reverted(defined, change)
        assert (await value(defined), await value(defined, "colour", DE)) == (1, None)
        assert (await defined.changes.get(defined.eve, back)).reverts == change
        (event,) = await defined.events("change:record:reverted")
        assert (event.event["change"], event.event["after"]) == (str(change), {"by": str(back)})

    async def test_a_revert_can_be_taken_back(self, defined: World) -> None:
        change = await changed(defined, wish("limit", 2))
        await reverted(defined, await reverted(defined, change))
        assert await value(defined) == 2

    async def test_are_told_and_left_by_a_dry_run(self, defined: World) -> None:
        change = await changed(defined, wish("limit", 2))
        told = await revert(defined, change, dry_run=True)
        assert [each.to_json()["lines"] for each in told.reversals] == [
            [{"path": "/value", "theirs": 2, "collides": False}]
        ]
        assert (told.levels, told.submitted, told.written, await value(defined)) == (2, None, False, 2)

    async def test_that_later_changes_touched_are_told_from_both_sides(self, defined: World) -> None:
        await changed(defined, wish("limit", 1))
        change = await changed(defined, wish("limit", 2), wish("colour", "red"))
        await changed(defined, wish("limit", 3))
        assert await touched(defined, change) == [
            {"key": "#limit", "touched": True, "lines": [
                {"path": "/value", "base": 1, "theirs": 3, "ours": 1, "collides": True}]},
            {"key": "#colour", "touched": False, "lines": [{"path": "/value", "theirs": "red", "collides": False}]},
        ]  # fmt: skip
        assert (await value(defined), await value(defined, "colour")) == (3, "red")

    async def test_that_do_not_collide_go_back_when_merged(self, defined: World) -> None:
        change = await changed(defined, wish("limit", 2), wish("colour", "red"))
        await changed(defined, wish("limit", 3))
        await reverted(defined, change, merge=True)
        assert (await value(defined), await value(defined, "colour")) == (3, None)

    async def test_go_back_path_by_path(self, defined: World) -> None:
        await changed(defined, wish("limits", {"a": 1, "b": 1, "c": 1}))
        change = await changed(defined, wish("limits", {"a": 2, "b": 2, "c": 1}))
        await changed(defined, wish("limits", {"a": 2, "b": 3, "c": 3}))
        (told,) = await touched(defined, change)
        assert {line["path"]: line["collides"] for line in told["lines"]} == {
            "/value/a": False, "/value/b": True, "/value/c": False,
        }  # fmt: skip
        await reverted(defined, change, merge=True)
        assert await value(defined, "limits") == {"a": 1, "b": 3, "c": 3}

    async def test_of_which_nothing_is_left_are_refused(self, defined: World) -> None:
        change = await changed(defined, wish("limit", 2))
        await changed(defined, wish("limit", 3))
        with pytest.raises(NothingLeft):
            await revert(defined, change, merge=True)
        ended = await changed(defined, wish("colour", "red", until=defined.clock() + timedelta(hours=1)))
        defined.clock += timedelta(hours=2)
        with pytest.raises(NothingLeft):
            await revert(defined, ended)

    async def test_that_are_only_planned_never_begin(self, defined: World) -> None:
        await changed(defined, wish("limit", 1))
        noon = defined.clock() + timedelta(days=1)
        change = await changed(defined, wish("limit", 2, since=noon), wish("colour", "red"))
        told = await revert(defined, change, dry_run=True)
        assert told.reversals[0].to_json()["lines"] == [
            {"path": "/since", "theirs": noon.isoformat(), "collides": False},
            {"path": "/value", "theirs": 2, "collides": False},
        ]
        back = await reverted(defined, change)
        defined.clock += timedelta(days=2)
        assert (await value(defined), await value(defined, "colour")) == (1, None)
        await reverted(defined, back)  # what was cancelled is not planned again
        assert (await value(defined), await value(defined, "colour")) == (1, "red")
        only = await changed(defined, wish("limit", 3, since=defined.clock() + timedelta(days=1)))
        with pytest.raises(NothingLeft):
            await revert(defined, await reverted(defined, only))

    async def test_that_were_to_end_still_do(self, defined: World) -> None:
        noon = defined.clock() + timedelta(hours=3)
        await changed(defined, wish("limit", 1))
        await changed(defined, wish("limit", 2, until=noon))
        await reverted(defined, await changed(defined, wish("limit", 5, until=noon)))
        assert await value(defined) == 2
        defined.clock += timedelta(hours=4)
        assert await value(defined) == 1

    async def test_keep_what_they_enforced_and_allowed(self, defined: World) -> None:
        await changed(defined, wish("limit", 1, enforced=True, constraint={"maximum": 5}))
        change = await changed(defined, unset("limit"))
        await reverted(defined, change)
        found = await resolution(defined, environment=PRODUCTION)
        assert (found.value, found.constraint and found.constraint.to_json()) == (1, {"maximum": 5})
        assert found.trace[-1].entry is not None
        assert found.trace[-1].entry.enforced

    @pytest.mark.req("ST80")
    async def test_that_are_secret_go_back_and_are_not_told(self, defined: World) -> None:
        await define(defined, "token", "secret")
        await changed(defined, wish("token", "first"))
        change = await changed(defined, wish("token", "second"))
        await changed(defined, wish("token", "third"))
        (told,) = await touched(defined, change)
        assert told["lines"] == [{"path": "/value", "changed": True, "collides": True}]
        with pytest.raises(NothingLeft):
            await revert(defined, change, merge=True)
        newest = await changed(defined, wish("token", "fourth"))
        fingerprints = [
            each.entry.value["fingerprint"]
            for each in (await defined.setting.reads.history(defined.eve, PRODUCTION, "token", wish("x").scope, 99, 9))
        ]
        await reverted(defined, newest)
        again = await defined.setting.reads.stored(defined.eve, PRODUCTION, "token", wish("x").scope)
        assert again[0][0].entry.value["fingerprint"] == fingerprints[1]


class TestAsking:
    async def test_twice_with_one_request_takes_back_once(self, defined: World) -> None:
        change = await changed(defined, wish("limit", 2))
        asked = replace(defined.ada, request=uuid4())
        first, again = [await revert(defined, change, asked) for _ in range(2)]
        assert first.submitted is not None
        assert again.submitted is not None
        assert first.submitted.change.id == again.submitted.change.id == asked.request

    async def test_twice_where_nobody_is_asked_writes_once(self, defined: World) -> None:
        change = await changed(defined, wish("limit", 2))
        await govern(defined, PRODUCTION, 0)
        asked = replace(defined.ada, request=uuid4())
        assert [(await revert(defined, change, asked)).written for _ in range(2)] == [True, True]
        history = await defined.setting.reads.history(defined.eve, PRODUCTION, "limit", wish("x").scope, 99, 9)
        assert [each.origin for each in history] == [f"revert:{change}", f"change:{change}"]

    async def test_for_what_has_not_succeeded_is_refused(self, defined: World) -> None:
        outcome = await say(defined, wish("limit", 2), environment=PRODUCTION)
        assert outcome.submitted is not None
        with pytest.raises(NotSucceeded) as refused:
            await revert(defined, outcome.submitted.change.id)
        assert refused.value.facts == {"state": "AWAITING_APPROVAL"}
        await defined.put()
        draft = await defined.propose(gates={"acknowledge_infeasible": True})
        with pytest.raises(NotSucceeded) as refused:
            await revert(defined, draft.id)
        assert refused.value.facts == {"state": ChangeStatus.DRAFT.value}

    async def test_needs_permission_and_a_change(self, defined: World) -> None:
        with pytest.raises(PermissionMissing):
            await revert(defined, uuid4(), defined.eve)
        with pytest.raises(Missing):
            await revert(defined, uuid4())


class TestFlags:
    async def test_are_as_they_were_before_the_change(self, world: World) -> None:
        change = await finish(world, await world.submit(plan={"strategy": "direct"}))
        await reverted(world, change)
        flag = await world.flag()
        assert flag is not None
        assert (flag.version, flag.definition["defaultVariant"]) == (3, "off")

    async def test_that_the_change_made_are_disabled(self, world: World) -> None:
        drafted = await world.propose(base_version=0, plan={"strategy": "direct"})
        change = await finish(world, await world.submission.submit(world.ada, drafted.id))
        await reverted(world, change)
        flag = await world.flag()
        assert flag is not None
        assert flag.definition["state"] == "DISABLED"

    async def test_that_others_wrote_since_keep_what_they_wrote(self, world: World) -> None:
        change = await finish(world, await world.submit(plan={"strategy": "direct"}))
        flag = await world.flag()
        assert flag is not None
        await world.put({**flag.definition, "state": "DISABLED"})
        assert (await touched(world, change))[0]["key"] == "checkout"
        await reverted(world, change, merge=True)
        flag = await world.flag()
        assert flag is not None
        assert (flag.definition["state"], flag.definition["defaultVariant"]) == ("DISABLED", "off")


class TestMeanings:
    async def test_of_keys_are_as_they_were(self, defined: World) -> None:
        done = await defined.setting.meanings.redefine(
            defined.ada, "limit", {**LIMIT, "default": 7}, expected=1, reason=WHY
        )
        assert isinstance(done, Submitted)
        change = await finish(defined, done)
        assert await value(defined) == 7
        told = await revert(defined, change, dry_run=True)
        assert told.reversals[0].to_json()["lines"] == [{"path": "/default", "theirs": 7, "collides": False}]
        await reverted(defined, change)
        assert await value(defined) is None

    async def test_of_rules_are_as_they_were(self, defined: World) -> None:
        rules = [needs("limit", "colour")]
        done = await defined.setting.meanings.rule(defined.ada, rules, expected=0, reason=WHY)
        assert isinstance(done, Submitted)
        change = await finish(defined, done)
        await ungovern(defined)
        assert (await revert(defined, change)).written
        assert (await defined.setting.rules.get(defined.eve)).rules == []
        await defined.setting.meanings.rule(defined.ada, rules, expected=2, reason=WHY)
        assert (await touched(defined, change))[0]["lines"][0]["path"] == "/rules"

    async def test_policies_are_those_of_settings(self, defined: World) -> None:
        async with defined.store.transaction(defined.tenant.id) as tx:
            await tx.policies.put(PRODUCTION, Kind.SETTING, ApprovalPolicy((Level(),)))
        done = await defined.setting.meanings.redefine(
            defined.ada, "limit", {**LIMIT, "default": 7}, expected=1, reason=WHY
        )
        assert isinstance(done, Submitted)
        assert len(done.approval.policy.levels) == 1
