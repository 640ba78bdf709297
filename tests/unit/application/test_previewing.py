"""Under shared rules that are only prepared, a preview knows every flag that is there, also one that came since."""

from typing import Any
from uuid import UUID

import pytest

from application.evaluation import Shelf
from application.previewing import Previewing
from domain.rollouts import State
from tests.world import OFF, PRODUCTION, World

GREEN = {"strategy": "blue-green", "blue_green": {"smoke": ["https://smoke.example.com/"]}}
NAMING = {**OFF, "targeting": {"if": [{"$ref": "vips"}, "on", "off"]}}
GOLD = {"tier": "gold"}


def who(tier: str) -> dict[str, Any]:
    return {"vips": {"==": [{"var": "tier"}, tier]}}


async def prepared(world: World) -> UUID:
    await world.put(who("vip"), key="$evaluators")
    await world.put(NAMING)
    submitted = await world.approved(key="$evaluators", content=who("gold"), plan=GREEN)
    assert (await world.admit(submitted.rollout.id)).state is State.RUNNING
    return submitted.rollout.id


async def served(world: World) -> Shelf:
    async with world.store.transaction(world.tenant.id) as tx:
        return Shelf.of(await tx.flags.flag_set(PRODUCTION), lambda: 0.0)


@pytest.mark.req("S62")
class TestSharedRules:
    async def test_are_shown_under_every_flag_that_names_them(self, world: World) -> None:
        previewing = Previewing(world.store, world.assertions, world.clock)
        issued = await previewing.issue(world.eve, await prepared(world))
        now = await served(world)
        green = await previewing.flags(world.tenant.id, PRODUCTION, issued.token, now)
        assert (now.flags.evaluate("checkout", GOLD).variant, green.evaluate("checkout", GOLD).variant) == ("off", "on")
        assert green is await previewing.flags(world.tenant.id, PRODUCTION, issued.token, now)

    async def test_a_flag_that_came_since_is_among_them(self, world: World) -> None:
        previewing = Previewing(world.store, world.assertions, world.clock)
        issued = await previewing.issue(world.eve, await prepared(world))
        await previewing.flags(world.tenant.id, PRODUCTION, issued.token, await served(world))
        await world.put(NAMING, key="basket")
        green = await previewing.flags(world.tenant.id, PRODUCTION, issued.token, await served(world))
        assert green.evaluate("basket", GOLD).variant == "on"


@pytest.mark.req("S62")
async def test_a_flag_that_needs_the_prepared_one_follows_it(world: World) -> None:
    await world.put()
    await world.put({**OFF, "targeting": {"if": [{"$flag": ["checkout", "on"]}, "on"]}}, key="basket")
    submitted = await world.approved(plan=GREEN)
    assert (await world.admit(submitted.rollout.id)).state is State.RUNNING
    previewing = Previewing(world.store, world.assertions, world.clock)
    issued, now = await previewing.issue(world.eve, submitted.rollout.id), await served(world)
    green = await previewing.flags(world.tenant.id, PRODUCTION, issued.token, now)
    assert (now.flags.evaluate("basket", {}).variant, green.evaluate("basket", {}).variant) == ("off", "on")
