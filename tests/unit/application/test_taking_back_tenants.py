"""What many tenants got is taken from each as it was there, in few transactions."""

from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from uuid import UUID

import pytest

from application.ports.store import Transaction
from application.restoring import Restoring
from domain.changes import TouchedSince
from domain.errors import Invalid
from domain.rollouts import State
from domain.rollouts.parts import PartState
from tests.unit.application.estates import (
    DIRECT,
    admitted,
    digests,
    elsewhere,
    exposed,
    flag,
    flag_of,
    found,
    parts_of,
    proposed,
    stocked,  # noqa: F401 -- a fixture is found by its name
    value,
    value_of,
)
from tests.unit.application.reverts import begun, revert, succeeded, taken
from tests.world import OFF, ON, World


class TestTenants:
    @pytest.mark.req("FR-CFG-008")
    async def test_each_gets_again_what_it_had(self, shop: World) -> None:
        one, other = [await found(shop, slug) for slug in ("one", "other")]
        await elsewhere(shop, other, {**OFF, "metadata": {"own": True}})
        before = await digests(shop, [one, other])
        change = await succeeded(shop, flag(base=None), value(30, at=1), plan=DIRECT, tenants={"all": True})
        assert await digests(shop, [one, other]) != before
        back = await taken(shop, await revert(shop, change))
        assert await digests(shop, [one, other]) == before
        assert (await flag_of(shop, other)).definition["metadata"] == {"own": True}  # type: ignore[union-attr]  # it is there
        async with shop.store.transaction(shop.tenant.id) as tx:
            proposed = await tx.changes.get(back)
        assert proposed is not None
        assert proposed.content.tenants == {"slugs": ["one", "other"], "as_before": str(change)}

    async def test_who_has_written_since_is_told_and_left_alone(self, shop: World) -> None:
        one, other = [await found(shop, slug) for slug in ("one", "other")]
        change = await succeeded(shop, flag(base=None), plan=DIRECT, tenants={"all": True})
        own = {**ON, "metadata": {"own": True}}
        await elsewhere(shop, other, own)
        done = await revert(shop, change)
        assert {each.label: each.touched for each in done.reversals} == {
            "one: checkout": False, "other: checkout": True,
        }  # fmt: skip
        await taken(shop, done)
        assert (await flag_of(shop, one)).definition == OFF  # type: ignore[union-attr]  # it is there
        assert (await flag_of(shop, other)).definition == own  # type: ignore[union-attr]  # it is there

    async def test_who_writes_before_it_begins_is_skipped(self, shop: World) -> None:
        one, other = [await found(shop, slug) for slug in ("one", "other")]
        change = await succeeded(shop, flag(base=None), value(30, at=1), plan=DIRECT, tenants={"all": True})
        done = await revert(shop, change)
        await elsewhere(shop, other, {**ON, "metadata": {"own": True}})
        back = await taken(shop, done)
        states = {part.slug: (part.state, part.why) for part in await parts_of(shop, back)}
        assert states == {"one": (PartState.APPLIED, ""), "other": (PartState.SKIPPED, "written-since")}
        assert (await value_of(shop, one), await value_of(shop, other)) == (None, 30)

    async def test_where_everybody_has_there_is_nothing_to_take_back(self, shop: World) -> None:
        one = await found(shop, "one")
        change = await succeeded(shop, flag(base=None), plan=DIRECT, tenants={"all": True})
        await elsewhere(shop, one, OFF)
        with pytest.raises(TouchedSince):
            await revert(shop, change)

    async def test_it_goes_back_itself_and_can_be_taken_back(self, shop: World) -> None:
        below = [await found(shop, slug) for slug in ("one", "other")]
        change = await succeeded(shop, flag(base=None), value(30, at=1), plan=DIRECT, tenants={"all": True})
        rolled_out = await digests(shop, below)
        back = await begun(shop, await revert(shop, change))
        await exposed(shop, back)
        await shop.progression.move(shop.step(back), State.ROLLING_BACK, "asked")
        await Restoring(shop.store).restore(shop.step(back))
        assert await Restoring(shop.store).end(shop.step(back)) is State.ROLLED_BACK
        shop.clock += timedelta(seconds=1)
        assert await digests(shop, below) == rolled_out
        again = await taken(shop, await revert(shop, await taken(shop, await revert(shop, change))))
        assert await digests(shop, below) == rolled_out
        assert {part.state for part in await parts_of(shop, again)} == {PartState.APPLIED}

    async def test_nobody_else_asks_for_what_was_before(self, shop: World) -> None:
        await found(shop, "one")
        change = await succeeded(shop, flag(base=None), plan=DIRECT, tenants={"all": True})
        choice = {"slugs": ["one"], "as_before": str(change)}
        with pytest.raises(Invalid) as refused:
            await proposed(shop, flag(base=None), plan=DIRECT, tenants=choice)
        assert [fault.path for fault in refused.value.faults] == ["/tenants/as_before"]


class Counting:
    """The store, and how many transactions were begun."""

    def __init__(self, world: World) -> None:
        self._store = world.store
        self.begun = 0

    def transaction(self, tenant: UUID) -> AbstractAsyncContextManager[Transaction]:
        self.begun += 1
        return self._store.transaction(tenant)


class TestManyTenants:
    @pytest.mark.req("S78", "I5")
    async def test_go_back_some_at_a_time_and_the_last_first(self, shop: World) -> None:
        below = [await found(shop, f"t-{number}") for number in range(7)]
        rollout = await admitted(shop, value(20), plan=DIRECT, tenants={"all": True})
        await exposed(shop, rollout)
        await shop.progression.move(shop.step(rollout), State.ROLLING_BACK, "asked")
        store = Counting(shop)
        restoring = Restoring(store, most=3)  # type: ignore[arg-type]  # it needs transactions only
        state = await restoring.restore(shop.step(rollout))
        assert store.begun == 3
        assert state is State.ROLLING_BACK
        assert await restoring.end(shop.step(rollout)) is State.ROLLED_BACK
        assert {await value_of(shop, each) for each in below} == {None}

    @pytest.mark.req("S78", "S71")
    async def test_what_was_begun_goes_on_where_it_stood(self, shop: World) -> None:
        below = [await found(shop, f"t-{number}") for number in range(5)]
        rollout = await admitted(shop, value(20), plan=DIRECT, tenants={"all": True})
        await exposed(shop, rollout)
        await shop.progression.move(shop.step(rollout), State.ROLLING_BACK, "asked")
        await interrupted(shop, rollout)
        assert len([each for each in below if await value_of(shop, each) is None]) == 2
        assert await shop.back(shop.step(rollout)) is State.ROLLED_BACK
        assert {await value_of(shop, each) for each in below} == {None}


async def interrupted(world: World, rollout: UUID) -> None:
    """A process that dies after its first transaction."""

    class Dies(Counting):
        def transaction(self, tenant: UUID) -> AbstractAsyncContextManager[Transaction]:
            if self.begun:
                raise ConnectionError
            return super().transaction(tenant)

    with pytest.raises(ConnectionError):
        await Restoring(Dies(world), most=2).restore(world.step(rollout))  # type: ignore[arg-type]  # transactions only
