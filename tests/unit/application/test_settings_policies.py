"""Who is asked depends on what a write exposes and how far it reaches."""

from datetime import timedelta
from typing import Any

from application.settings.wishes import Wish
from domain.approvals import parse_policy
from domain.changes import Kind, Reach
from domain.environments import Environment
from tests.wishing import ADA, BERLIN, DE, DEV, cancel, define, resolution, say, unset, value, version, wish
from tests.world import World

ONE: list[Any] = [{"roles": ["Approver"]}]


async def ruled(world: World, *whens: dict[str, Any], levels: int = 0, environment: Environment = DEV) -> None:
    rules = [{"when": when, "levels": ONE * (number + 1)} for number, when in enumerate(whens)]
    async with world.store.transaction(world.tenant.id) as tx:
        await tx.policies.put(environment, Kind.SETTING, parse_policy({"levels": ONE * levels, "rules": rules}))


async def reach(world: World, *wishes: Wish) -> Reach:
    found = (await say(world, *wishes, dry_run=True)).reach
    assert found is not None
    return found


class TestReach:
    async def test_counts_the_places_where_another_value_would_be_in_force(self, world: World) -> None:
        await define(world, default=1)
        await say(world, wish("limit", 2, DE), wish("limit", 3, BERLIN))
        assert await reach(world, wish("limit", 9)) == Reach(1, 1, tenant_wide=True, sensitivities=("internal",))
        assert (await reach(world, wish("limit", 9, enforced=True))).leaves == 3
        assert (await reach(world, wish("limit", 2, "company:fr"))).leaves == 1
        assert (await reach(world, wish("limit", 2, DE))).leaves == 0
        assert (await reach(world, unset("limit", BERLIN))).leaves == 1

    async def test_looks_at_what_is_planned_when_it_begins(self, world: World) -> None:
        await define(world, default=1)
        planned = wish("limit", 9, since=world.clock() + timedelta(days=1))
        assert (await reach(world, planned)).leaves == 1

    async def test_tells_what_the_settings_expose(self, world: World) -> None:
        await define(world, financial=True, sensitivity="confidential")
        await define(world, "colour", "string", sensitivity="public")
        found = await reach(world, wish("limit", 9, DE), wish("colour", "red", ADA))
        assert found == Reach(2, 2, tenant_wide=False, sensitivities=("confidential", "public"), financial=True)


class TestPolicy:
    async def test_asks_only_where_one_of_its_rules_does(self, world: World) -> None:
        await define(world)
        await define(world, "rate", "number", financial=True)
        await ruled(world, {"financial": True})
        assert (await say(world, wish("limit", 5))).submitted is None
        asked = await say(world, wish("limit", 6), wish("rate", 0.5))
        assert asked.submitted is not None
        assert (asked.levels, asked.submitted.approval.policy.rules) == (1, ())
        assert asked.submitted.change.reach == asked.reach
        assert (await value(world), (await resolution(world, "rate")).found) == (5, False)

    async def test_asks_the_strictest_of_what_applies(self, world: World) -> None:
        await define(world, sensitivity="confidential")
        await ruled(world, {"sensitivity": ["confidential"]}, {"reach": {"tenant_wide": True}})
        assert (await say(world, wish("limit", 5, DE), dry_run=True)).levels == 1
        assert (await say(world, wish("limit", 5), dry_run=True)).levels == 2

    async def test_asks_by_how_many_places_would_change(self, world: World) -> None:
        await define(world)
        await ruled(world, {"reach": {"leaves_at_least": 3}})
        await say(world, wish("limit", 2, DE), wish("limit", 3, BERLIN))
        assert (await say(world, wish("limit", 9))).submitted is None
        assert (await say(world, wish("limit", 8, enforced=True))).submitted is not None

    async def test_that_changes_leaves_open_requests_alone(self, world: World) -> None:
        await define(world)
        await ruled(world, {"reach": {"tenant_wide": True}})
        asked = await say(world, wish("limit", 5))
        await ruled(world, levels=3)
        assert asked.submitted is not None
        kept = await world.approvals.get(world.eve, asked.submitted.approval.id)
        assert (len(kept.approval.policy.levels), kept.change.reach) == (1, asked.reach)

    async def test_is_asked_of_a_cancelled_plan_by_what_it_would_have_changed(self, world: World) -> None:
        await define(world, financial=True)
        day, noon = timedelta(days=1), world.clock() + timedelta(days=1)
        for since in (noon, noon + day):
            await say(world, wish("limit", 5, DE, since=since, until=since + day))
        await ruled(world, {"reach": {"tenant_wide": True}})
        await cancel(world, "limit", 2, DE)
        await ruled(world, {"financial": True, "reach": {"leaves_at_least": 1}})
        waiting = await cancel(world, "limit", 1, DE)
        assert (waiting.submitted is not None, waiting.levels, await version(world, scope=DE)) == (True, 1, 2)
