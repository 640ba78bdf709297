"""What succeeded may be taken back for a while, what is still warm at once, and what went as one as one."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from application.locking.rules import policy_name
from application.ports.locks import RuleKind, StoredRule
from application.reverting import Reverted
from application.taking_back import RevertWindowOver
from domain.approvals import ApprovalPolicy, Level
from domain.canonical import Json
from domain.changes import Kind, TouchedSince
from domain.rollouts import State
from domain.rollouts.policy import default_rollout_policy
from tests.unit.application.estates import (
    DIRECT,
    exposed,
    flag,
    flag_of,
    stocked,  # noqa: F401 -- a fixture is found by its name
    value,
    value_of,
)
from tests.unit.application.reverts import revert, succeeded, taken
from tests.world import OFF, ON, PRODUCTION, World

SWITCH: Json = {"strategy": "blue-green", "blue_green": {"hold_seconds": 3600}}


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


async def asked_of_two(world: World) -> None:
    await world.policy(ApprovalPolicy((Level(), Level()), reminders=()))


async def agreed_already(world: World, done: Reverted) -> UUID:
    assert done.submitted is not None
    await world.state(done.submitted.approval.id)
    rollout = done.submitted.rollout.id
    assert (await world.admit(rollout)).state is State.RUNNING
    return rollout
