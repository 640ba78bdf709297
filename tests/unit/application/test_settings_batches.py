import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.memory.store import MemoryStore
from application.settings.wishes import Order, Wish
from domain.settings import RulesViolated
from tests.wishing import ADA, BERLIN, DE, DEV, WHY, define, needs, rule, say, unset, value, wish
from tests.world import Clock, World, world_in

DAY = timedelta(days=1)


def batch(world: World) -> list[Wish]:
    """Valid as a whole; several of its wishes would be refused without another one."""
    noon = world.clock() + DAY
    return [
        wish("billing", True), wish("gateway", "stripe"),  # one needs the other
        wish("limit", 40, constraint={"maximum": 50}), wish("limit", 45, DE),  # stood above the new ceiling
        wish("quota", 5), wish("quota", 6, ADA),  # was enforced above
        wish("quota", 7, BERLIN, until=noon), unset("limit", ADA),
        wish("billing", False, DE, since=noon),
    ]  # fmt: skip


async def stored_after(order: Sequence[int]) -> Any:
    """What is stored once a world has been given the batch in this order."""
    clock = Clock()
    world = await world_in(MemoryStore(clock), clock)
    await define(world, default=10)
    await define(world, "quota")
    await define(world, "billing", "boolean")
    await define(world, "gateway", "string")
    await rule(world, needs("billing", "gateway"))
    await say(world, wish("limit", 90, DE), wish("limit", 20, ADA), wish("quota", 1, enforced=True))
    wishes = batch(world)
    outcome = await world.setting.writes.write(world.ada, Order(DEV, tuple(wishes[place] for place in order), WHY))
    async with world.store.transaction(world.tenant.id) as tx:
        entries = await tx.settings.entries(DEV, None, None, world.clock() - 7 * DAY)
    stored = [
        (each.key, each.scope, replace(each.entry, written_by=None), each.origin)
        for each in entries
    ]  # fmt: skip
    return outcome.epoch, stored


@cache
def as_written() -> Any:
    return asyncio.run(stored_after(range(9)))


class TestOrderOfABatch:
    @pytest.mark.req("SM-D7", "ST76")
    @given(order=st.permutations(range(9)))
    @settings(max_examples=60, deadline=None)
    def test_is_irrelevant(self, order: list[int]) -> None:
        assert asyncio.run(stored_after(order)) == as_written()

    async def test_matters_to_no_refusal(self, world: World) -> None:
        await define(world, "billing", "boolean")
        await define(world, "gateway", "string")
        await rule(world, needs("billing", "gateway"))
        for wishes in ([wish("billing", True), unset("gateway")], [unset("gateway"), wish("billing", True)]):
            with pytest.raises(RulesViolated):
                await say(world, *wishes)

    async def test_of_a_new_key_at_two_scopes_is_free(self, world: World) -> None:
        await define(world)
        await say(world, wish("limit", 2, DE), wish("limit", 1))
        assert (await value(world), await value(world, scope=DE)) == (1, 2)
