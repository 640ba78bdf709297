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
from application.taking_back import RevertWindowOver
from domain.approvals import Standing
from domain.canonical import Json
from domain.changes import Kind, TouchedSince
from domain.errors import Invalid
from domain.rollouts import State
from domain.rollouts.parts import PartState
from domain.rollouts.policy import default_rollout_policy
from tests.unit.application.estates import (
    DIRECT,
    LIMIT,
    admitted,
    digests,
    elsewhere,
    exposed,
    flag,
    flag_of,
    found,
    nobody_is_asked,
    parts_of,
    proposed,
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

    async def test_a_flag_and_a_value_that_went_as_one_go_back_as_one(self, shop: World) -> None:
        here = shop.tenant.id
        change = await succeeded(shop, flag(), value(20, at=1), plan=DIRECT)
        told = await revert(shop, change, dry_run=True)
        assert [each.label for each in told.reversals] == ["checkout", "#upload.limit"]
        back = await taken(shop, await revert(shop, change))
        assert (await flag_of(shop, here)).definition == OFF  # type: ignore[union-attr]  # it is there
        assert await value_of(shop, here) is None
        await taken(shop, await revert(shop, back))
        assert (await flag_of(shop, here)).definition == ON  # type: ignore[union-attr]  # it is there
        assert await value_of(shop, here) == 20

    async def test_what_somebody_moved_since_is_told_and_the_rest_goes_back_if_that_is_enough(
        self, shop: World
    ) -> None:
        change = await succeeded(shop, flag(), value(20, at=1), plan=DIRECT)
        await shop.put({**ON, "state": "DISABLED"})
        with pytest.raises(TouchedSince):
            await revert(shop, change)
        await taken(shop, await revert(shop, change, merge=True))
        flag_now = await flag_of(shop, shop.tenant.id)
        assert flag_now is not None
        assert (flag_now.definition["state"], await value_of(shop, shop.tenant.id)) == ("DISABLED", None)


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


async def begun(world: World, done: Reverted) -> UUID:
    assert done.submitted is not None
    async with world.store.transaction(world.tenant.id) as tx:
        await tx.approvals.close(done.submitted.approval.id, Standing.APPROVED)
    rollout = done.submitted.rollout.id
    assert (await world.admit(rollout)).state is State.RUNNING
    return rollout


async def taken(world: World, done: Reverted) -> UUID:
    """The change that takes back, once it has succeeded."""
    rollout = await begun(world, done)
    await exposed(world, rollout)
    for state, cause in ((State.BAKING, "all_stages_passed"), (State.SUCCEEDED, "completed")):
        await world.progression.move(world.step(rollout), state, cause)
    world.clock += timedelta(seconds=1)
    return rollout


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
