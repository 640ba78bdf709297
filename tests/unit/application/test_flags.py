from typing import Any

import pytest

from application.flags import FlagExists
from domain.approvals import ApprovalPolicy, Level
from domain.changes import ApprovalRequired, NothingChanges, TargetBusy
from domain.environments import Environment
from domain.errors import Invalid, Missing, Stale
from domain.people import PermissionMissing
from tests.world import OFF, ON, PRODUCTION, World

DEV = (Environment.DEV, "checkout")


async def created(world: World) -> None:
    await world.flags.create(world.ada, DEV, OFF, "first")


class TestCreation:
    async def test_writes_version_one_and_one_event(self, world: World) -> None:
        flag = await world.flags.create(world.ada, DEV, OFF, "first")
        assert (flag.version, flag.origin, flag.written_by) == (1, "api", world.ada.id)
        (event,) = await world.events("flag:definition:created")
        assert (event.event["actor"], event.event["reason"]) == (str(world.ada.id), "first")
        assert event.event["after"] == {"version": 1, "definition": OFF}

    async def test_happens_once(self, world: World) -> None:
        await created(world)
        with pytest.raises(FlagExists):
            await created(world)

    async def test_needs_permission(self, world: World) -> None:
        with pytest.raises(PermissionMissing):
            await world.flags.create(world.eve, DEV, OFF, "first")

    async def test_needs_approval_where_policy_says_so(self, world: World) -> None:
        with pytest.raises(ApprovalRequired):
            await world.flags.create(world.ada, (PRODUCTION, "checkout"), OFF, "first")

    @pytest.mark.parametrize(("key", "raw"), [("-bad", OFF), ("checkout", {}), ("checkout", [])])
    async def test_says_what_is_wrong(self, world: World, key: str, raw: Any) -> None:
        with pytest.raises(Invalid):
            await world.flags.create(world.ada, (Environment.DEV, key), raw, "first")
        assert await world.events("flag:definition:created") == []


class TestUpdate:
    async def test_appends_a_version(self, world: World) -> None:
        await created(world)
        flag = await world.flags.update(world.ada, DEV, ON, expected=1, reason="go")
        assert flag.version == 2
        assert [v.version for v in await world.flags.versions(world.ada, DEV, 99, 10)] == [2, 1]
        (event,) = await world.events("flag:definition:updated")
        assert event.event["before"]["version"] == 1

    async def test_of_another_version_is_stale(self, world: World) -> None:
        await created(world)
        with pytest.raises(Stale):
            await world.flags.update(world.ada, DEV, ON, expected=2, reason="go")

    async def test_that_changes_nothing_is_refused(self, world: World) -> None:
        await created(world)
        with pytest.raises(NothingChanges):
            await world.flags.update(world.ada, DEV, OFF, expected=1, reason="go")

    async def test_from_true_to_one_changes_something(self, world: World) -> None:
        await created(world)
        numbers = {**OFF, "variants": {"on": 1, "off": 0}}
        assert (await world.flags.update(world.ada, DEV, numbers, expected=1, reason="go")).version == 2

    async def test_of_nothing_is_missing(self, world: World) -> None:
        with pytest.raises(Missing):
            await world.flags.update(world.ada, DEV, ON, expected=1, reason="go")

    async def test_waits_for_whoever_rolls_it_out(self, world: World) -> None:
        holder = (await world.approved()).rollout.id
        await world.policy(ApprovalPolicy())
        await world.admit(holder)
        with pytest.raises(TargetBusy) as refused:
            await world.flags.update(world.ada, (PRODUCTION, "checkout"), ON, expected=1, reason="go")
        assert refused.value.facts["holder"] == str(holder)

    async def test_a_policy_that_was_set_later_holds(self, world: World) -> None:
        await created(world)
        await world.policy(ApprovalPolicy((Level(),)), Environment.DEV)
        with pytest.raises(ApprovalRequired):
            await world.flags.update(world.ada, DEV, ON, expected=1, reason="go")


class TestDisabling:
    async def test_keeps_the_definition(self, world: World) -> None:
        await created(world)
        flag = await world.flags.disable(world.ada, DEV, expected=1, reason="off")
        assert flag.definition == {**OFF, "state": "DISABLED"}
        with pytest.raises(NothingChanges):
            await world.flags.disable(world.ada, DEV, expected=2, reason="off")


class TestReading:
    async def test_is_for_who_may_read(self, world: World) -> None:
        await created(world)
        assert (await world.flags.get(world.eve, *DEV)).definition == OFF
        with pytest.raises(Missing):
            await world.flags.get(world.eve, Environment.DEV, "nothing")
        with pytest.raises(Missing):
            await world.flags.versions(world.eve, (Environment.DEV, "nothing"), 9, 9)
