from datetime import timedelta
from typing import Any

import pytest

from application.settings.wishes import Affected
from domain.errors import Invalid, Missing
from domain.settings import NothingPlanned, OutOfPolicy, ScheduleOverlaps, SettingEnforced
from tests.wishing import ADA, BERLIN, DE, WHY, cancel, define, paths, resolution, say, unset, value, version, wish
from tests.world import World

DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)


class TestPolicy:
    @pytest.mark.req("ST72")
    async def test_of_an_enforced_value_is_named_to_who_writes_below(self, world: World) -> None:
        await define(world)
        await say(world, wish("limit", 30, ADA))
        outcome = await say(world, wish("limit", 20, enforced=True))
        assert outcome.affected == (Affected("limit", ADA, "shadowed", ""),)
        with pytest.raises(SettingEnforced) as refused:
            await say(world, wish("limit", 31, ADA))
        facts = refused.value.facts
        assert (facts["key"], facts["by"], facts["reason"]) == ("limit", "", WHY)
        assert (facts["actor"], facts["since"]) == (str(world.ada.id), outcome.entries[0].entry.since.isoformat())
        assert await value(world, scope=ADA) == 20
        await say(world, wish("limit", 20))
        assert await value(world, scope=ADA) == 30

    @pytest.mark.req("ST73")
    async def test_of_the_broadest_enforcement_wins(self, world: World) -> None:
        await define(world)
        await say(world, wish("limit", 2, DE, enforced=True))
        await say(world, wish("limit", 1, enforced=True))
        with pytest.raises(SettingEnforced) as refused:
            await say(world, wish("limit", 3, DE))
        assert refused.value.facts["by"] == ""
        assert await value(world, scope=ADA) == 1

    async def test_lets_a_shadowed_value_be_taken_back(self, world: World) -> None:
        await define(world)
        await say(world, wish("limit", 30, ADA))
        await say(world, wish("limit", 20, enforced=True))
        await say(world, unset("limit", ADA))
        await say(world, unset("limit"))
        assert not (await resolution(world, scope=ADA)).found

    @pytest.mark.req("ST72")
    async def test_of_an_enforcement_that_is_planned_holds_from_then_on(self, world: World) -> None:
        await define(world)
        await say(world, wish("limit", 20, enforced=True, since=world.clock() + DAY))
        await say(world, wish("limit", 31, ADA, until=world.clock() + DAY))
        with pytest.raises(SettingEnforced):
            await say(world, wish("limit", 32, DE, since=world.clock() + 2 * DAY))
        world.clock += DAY
        with pytest.raises(SettingEnforced):
            await say(world, wish("limit", 32, DE))

    @pytest.mark.req("ST74", "FR-SM-004")
    async def test_of_a_ceiling_refuses_above_it_and_clamps_what_was_there(self, world: World) -> None:
        await define(world, default=1)
        await say(world, wish("limit", 80, DE))
        await say(world, wish("limit", 40, constraint={"maximum": 100}))
        with pytest.raises(OutOfPolicy) as refused:
            await say(world, wish("limit", 50, BERLIN), wish("limit", 150, "company:fr"))
        assert paths(refused) == ["/items/1/value"]
        assert refused.value.facts == {"key": "limit", "scope": "company:fr"}
        lowered = wish("limit", 40, constraint={"maximum": 50})
        dry = await say(world, lowered, dry_run=True)
        assert dry.affected == (Affected("limit", DE, "clamped", ""),)
        assert (dry.epoch, await value(world, scope=ADA)) == (3, 80)
        assert (await say(world, lowered)).affected == dry.affected
        assert (await value(world, scope=ADA), await version(world, scope=DE)) == (50, 1)

    @pytest.mark.req("ST75")
    async def test_of_a_ceiling_is_told_at_every_item_beside_what_else_is_wrong(self, world: World) -> None:
        await define(world)
        await say(world, wish("limit", 40, constraint={"maximum": 100}))
        beyond = [wish("limit", 150, DE), wish("limit", 5, ADA), wish("limit", 160, "company:fr")]
        with pytest.raises(OutOfPolicy) as refused:
            await say(world, *beyond)
        assert paths(refused) == ["/items/0/value", "/items/2/value"]
        with pytest.raises(Invalid) as broken:
            await say(world, *beyond, wish("limit", "many", BERLIN), wish("nothing", 1))
        assert paths(broken) == ["/items/0/value", "/items/2/value", "/items/3/value", "/items/4/key"]
        assert await version(world, scope=DE) == 0

    @pytest.mark.req("ST75")
    async def test_of_enforcement_is_told_at_every_item(self, world: World) -> None:
        await define(world)
        await define(world, "size")
        await say(world, wish("limit", 20, enforced=True), wish("size", 9, constraint={"maximum": 9}))
        with pytest.raises(SettingEnforced) as refused:
            await say(world, wish("size", 1), wish("limit", 31, DE), wish("limit", 32, ADA))
        assert [each["item"] for each in places(refused.value)] == [1, 2]
        with pytest.raises(OutOfPolicy) as mixed:
            await say(world, wish("limit", 31, DE), wish("size", 10, DE))
        assert paths(mixed) == ["/items/0", "/items/1/value"]
        with pytest.raises(Invalid) as broken:
            await say(world, wish("limit", 31, DE), wish("size", "x", DE))
        assert paths(broken) == ["/items/0", "/items/1/value"]

    async def test_of_a_ceiling_holds_for_the_value_beside_it(self, world: World) -> None:
        await define(world)
        with pytest.raises(OutOfPolicy):
            await say(world, wish("limit", 40, constraint={"maximum": 30}))
        await say(world, unset("limit", constraint={"maximum": 30}))
        with pytest.raises(OutOfPolicy):
            await say(world, wish("limit", 40, DE))


def places(refusal: SettingEnforced) -> Any:
    return refusal.facts["places"]


class TestDryRun:
    async def test_tells_only_what_it_changes(self, world: World) -> None:
        await define(world)
        await say(world, wish("limit", 30, ADA), wish("limit", 25, DE))
        first = await say(world, wish("limit", 20, enforced=True))
        assert {each.scope for each in first.affected} == {ADA, DE}
        again = await say(world, wish("limit", 21, enforced=True), dry_run=True)
        assert again.affected == ()
        assert again.entries[0].entry.version == 2

    async def test_tells_of_each_scope_of_the_order_that_hides_another(self, world: World) -> None:
        await define(world)
        await say(world, wish("limit", 30, ADA))
        told = await say(world, wish("limit", 20), wish("limit", 20, DE, enforced=True), dry_run=True)
        assert Affected("limit", ADA, "shadowed", DE) in told.affected

    async def test_is_refused_as_the_write_would_be(self, world: World) -> None:
        await define(world)
        await say(world, wish("limit", 20, enforced=True))
        with pytest.raises(SettingEnforced):
            await say(world, wish("limit", 31, ADA), dry_run=True)

    async def test_tells_of_a_plan_what_will_be_when_it_takes_effect(self, world: World) -> None:
        await define(world)
        await say(world, wish("limit", 30, ADA))
        told = await say(world, wish("limit", 20, enforced=True, since=world.clock() + DAY), dry_run=True)
        assert told.affected == (Affected("limit", ADA, "shadowed", ""),)


@pytest.mark.req("ST79")
class TestTime:
    async def test_a_plan_begins_at_its_instant(self, world: World) -> None:
        await define(world)
        noon = world.clock() + DAY
        await say(world, wish("limit", 20))
        await say(world, wish("limit", 30, since=noon))
        assert (await value(world), await value(world, as_of=noon - MOMENT)) == (20, 20)
        assert await value(world, as_of=noon) == 30
        world.clock.now = noon
        assert await value(world) == 30

    async def test_what_expires_gives_way_to_what_was_there(self, world: World) -> None:
        await define(world)
        noon = world.clock() + DAY
        await say(world, wish("limit", 20))
        await say(world, wish("limit", 99, until=noon))
        assert (await value(world), await value(world, as_of=noon)) == (99, 20)
        world.clock.now = noon
        assert await value(world) == 20

    async def test_what_expires_with_nothing_before_it_leaves_nothing(self, world: World) -> None:
        await define(world, default=10)
        noon = world.clock() + DAY
        await say(world, wish("limit", 99, until=noon))
        assert (await value(world, as_of=noon - MOMENT), await value(world, as_of=noon)) == (99, 10)

    async def test_two_plans_for_one_instant_overlap(self, world: World) -> None:
        await define(world)
        noon = world.clock() + DAY
        await say(world, wish("limit", 30, since=noon))
        with pytest.raises(ScheduleOverlaps) as refused:
            await say(world, wish("limit", 40, since=noon))
        assert refused.value.facts == {"version": 1, "since": noon.isoformat()}

    async def test_a_plan_that_is_cancelled_never_begins(self, world: World) -> None:
        await define(world)
        noon = world.clock() + DAY
        await say(world, wish("limit", 20))
        await say(world, wish("limit", 30, since=noon))
        before = (await say(world, wish("limit", 30, DE), dry_run=True)).epoch
        cancelled = await cancel(world, "limit", 2)
        assert (cancelled.epoch, await value(world, as_of=noon)) == (before + 1, 20)
        assert len(await world.events("setting:value:changed")) + len(
            await world.events("setting:value:unplanned")
        ) == 3  # fmt: skip

    async def test_a_plan_over_nothing_is_cancelled_to_nothing(self, world: World) -> None:
        await define(world, default=10)
        noon = world.clock() + DAY
        await say(world, wish("limit", 30, since=noon))
        assert (await cancel(world, "limit", 1)).entries == ()
        assert await value(world, as_of=noon) == 10
        (event,) = await world.events("setting:value:unplanned")
        assert (event.event["reason"], event.event.get("after")) == (WHY, None)

    @pytest.mark.parametrize("number", [1, 2, 7])
    async def test_what_has_begun_or_is_gone_is_not_cancelled(self, world: World, number: int) -> None:
        await define(world)
        await say(world, wish("limit", 20))
        await say(world, wish("limit", 30, since=world.clock() + DAY))
        await cancel(world, "limit", 2)
        with pytest.raises(NothingPlanned):
            await cancel(world, "limit", number)

    async def test_of_an_unknown_key_nothing_is_cancelled(self, world: World) -> None:
        with pytest.raises(Missing):
            await cancel(world, "nothing", 1)
