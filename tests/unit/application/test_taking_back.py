"""What succeeded may be taken back for a while, what is still warm at once, and many targets in few transactions."""

from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from application.locking.rules import policy_name
from application.ports.locks import RuleKind, StoredRule
from application.ports.store import Transaction
from application.restoring import Restoring
from application.reverting import Reverted, Reverting, RevertWish
from application.taking_back import NotRevertable, RevertWindowOver
from domain.canonical import Json
from domain.changes import Kind
from domain.rollouts import State
from domain.rollouts.policy import default_rollout_policy
from tests.unit.application.estates import (
    DIRECT,
    LIMIT,
    admitted,
    exposed,
    flag,
    flag_of,
    found,
    nobody_is_asked,
    value,
    value_of,
)
from tests.world import OFF, ON, PRODUCTION, World

SWITCH: Json = {"strategy": "blue-green", "blue_green": {"hold_seconds": 3600}}


@pytest.fixture
async def shop(world: World) -> World:
    await nobody_is_asked(world)
    await world.setting.definitions.create(world.ada, LIMIT, "for the test")
    for key in ("checkout", "search"):
        await world.put(key=key)
    return world


async def succeeded(world: World, *wanted: Any, **more: Any) -> UUID:
    rollout = await admitted(world, *wanted, **more)
    await world.judged(rollout)
    await exposed(world, rollout)
    for state, cause in ((State.BAKING, "all_stages_passed"), (State.SUCCEEDED, "completed")):
        await world.progression.move(world.step(rollout), state, cause)
    world.clock += timedelta(seconds=1)
    return rollout


async def revert(world: World, change: UUID, **wish: Any) -> Reverted:
    reverting = Reverting(world.store, world.changes, world.submission, world.setting)
    return await reverting.revert(world.root, change, RevertWish(**{"reason": "it was a mistake", **wish}))


async def ruled(world: World, **rules: Any) -> None:
    content = {**default_rollout_policy(PRODUCTION).to_json(), **rules}
    async with world.store.transaction(world.tenant.id) as tx:
        name = policy_name(PRODUCTION, Kind.FLAG)
        await tx.release_rules.put(StoredRule(RuleKind.POLICY, name, 1, content, world.root.id, tx.now, "the test"))


class TestWindow:
    @pytest.mark.req("FR-CFG-008")
    async def test_within_it_a_revert_goes_first_and_at_once(self, shop: World) -> None:
        change = await succeeded(shop, flag())
        done = await revert(shop, change)
        assert done.submitted is not None
        rollout = done.submitted.rollout
        assert (rollout.reverts, rollout.priority, rollout.plan.strategy.value) == (change, 1, "direct")

    async def test_where_nothing_goes_directly_a_revert_still_does(self, shop: World) -> None:
        change = await succeeded(shop, flag())
        await ruled(shop, strategies=["canary"])
        assert (await revert(shop, change)).submitted is not None

    async def test_after_seven_days_it_is_over(self, shop: World) -> None:
        change = await succeeded(shop, flag())
        shop.clock += timedelta(days=7, seconds=1)
        with pytest.raises(RevertWindowOver):
            await revert(shop, change)

    async def test_after_more_versions_than_the_policy_says_it_is_over(self, shop: World) -> None:
        change = await succeeded(shop, flag())
        await ruled(shop, revert_versions=1)
        for number in range(2):
            await shop.put({**ON, "metadata": {"number": number}})
        with pytest.raises(RevertWindowOver) as refused:
            await revert(shop, change, merge=True)
        assert refused.value.facts["versions_since"] == 2


class TestSwitchBack:
    @pytest.mark.req("S66")
    @pytest.mark.parametrize("free", [True, False])
    async def test_within_the_hold_asks_nobody_where_the_policy_says_so(self, shop: World, free: bool) -> None:  # noqa: FBT001 -- a parameter of the case
        change = await succeeded(shop, flag(), plan=SWITCH)
        await ruled(shop, revert_free=free)
        await asked_of_two(shop)
        done = await revert(shop, change)
        assert done.submitted is not None
        assert len(done.submitted.approval.policy.levels) == (0 if free else 2)
        if free:
            back = await agreed_already(shop, done)
            await exposed(shop, back)
            assert (await flag_of(shop, shop.tenant.id)).definition == OFF  # type: ignore[union-attr]  # it is there

    @pytest.mark.req("S66")
    async def test_after_the_hold_asks_as_ever(self, shop: World) -> None:
        change = await succeeded(shop, flag(), plan=SWITCH)
        await ruled(shop, revert_free=True)
        await asked_of_two(shop)
        shop.clock += timedelta(hours=2)
        done = await revert(shop, change)
        assert done.submitted is not None
        assert len(done.submitted.approval.policy.levels) == 2

    async def test_other_strategies_are_not_warm(self, shop: World) -> None:
        change = await succeeded(shop, flag())
        await ruled(shop, revert_free=True)
        await asked_of_two(shop)
        done = await revert(shop, change)
        assert done.submitted is not None
        assert len(done.submitted.approval.policy.levels) == 2


class TestSeveral:
    async def test_flags_that_went_as_one_go_back_as_one(self, shop: World) -> None:
        change = await succeeded(shop, flag(), flag("search", at=1), plan=DIRECT)
        done = await revert(shop, change)
        assert done.submitted is not None
        back = done.submitted.change.content.targets
        assert [(each.key, each.base_version, each.content) for each in back] == [
            ("checkout", 2, OFF), ("search", 2, OFF),
        ]  # fmt: skip
        assert done.submitted.change.reverts == change

    async def test_of_several_kinds_or_tenants_takes_a_change_of_its_own(self, shop: World) -> None:
        mixed = await succeeded(shop, flag(), value(20, at=1), plan=DIRECT)
        with pytest.raises(NotRevertable):
            await revert(shop, mixed)
        await found(shop, "below")
        many = await succeeded(shop, value(30), plan=DIRECT, tenants={"all": True})
        with pytest.raises(NotRevertable):
            await revert(shop, many)


async def asked_of_two(world: World) -> None:
    from domain.approvals import ApprovalPolicy, Level

    await world.policy(ApprovalPolicy((Level(), Level()), reminders=()))


async def agreed_already(world: World, done: Reverted) -> UUID:
    assert done.submitted is not None
    await world.state(done.submitted.approval.id)
    rollout = done.submitted.rollout.id
    assert (await world.admit(rollout)).state is State.RUNNING
    return rollout


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
