"""Flags that need others, or exclude them, are written only where the whole set stays right."""

from typing import Any

import pytest

from application.definitions import KILL
from application.flag_usage.archiving import FlagArchive, FlagNeeded
from domain.approvals import ApprovalPolicy
from domain.environments import Environment
from domain.errors import Invalid
from domain.rollouts import State
from domain.rollouts.exposure import by_subject, exposed
from domain.rollouts.parts import TenantsRefuse
from tests.unit.application.estates import (
    ALL,
    DIRECT,
    admitted,
    elsewhere,
    flag,
    flag_of,
    found,
    nobody_is_asked,
    proposed,
)
from tests.world import OFF, PRODUCTION, World

DEV = Environment.DEV
WHY = "because of the test"
NEEDING: dict[str, Any] = {**OFF, "targeting": {"if": [{"$flag": ["checkout", "on"]}, "on"]}}
OTHER: dict[str, Any] = {**OFF, "variants": {"yes": True, "no": False}, "defaultVariant": "no"}
SHARED = {"share": {"fractional": [["on", 50], ["off", 50]]}}


def rival(*conflicts: str) -> dict[str, Any]:
    authored = {"off": "off", "serve": "on"} | ({"conflicts": list(conflicts)} if conflicts else {})
    return {"state": "ENABLED", "variants": OFF["variants"], "authoring": authored}


def faults(refusal: pytest.ExceptionInfo[Any]) -> dict[str, str]:
    return {fault.path: fault.message for fault in refusal.value.faults}


@pytest.fixture
async def basket(world: World) -> World:
    """In dev, a flag that needs another."""
    await world.flags.create(world.ada, (DEV, "checkout"), OFF, WHY)
    await world.flags.create(world.ada, (DEV, "basket"), NEEDING, WHY)
    return world


@pytest.mark.req("FP2")
class TestNeeds:
    async def test_a_flag_that_is_not_there(self, world: World) -> None:
        with pytest.raises(Invalid) as refusal:
            await world.flags.create(world.ada, (DEV, "basket"), NEEDING, WHY)
        assert faults(refusal) == {"/targeting/if/0/$flag": "no flag 'checkout' here"}

    async def test_a_flag_that_is_needed_keeps_its_variants_and_needs_nobody_back(self, basket: World) -> None:
        for content, told in ((OTHER, "has no variant 'on'"), ({**OFF, **_back()}, "may not need itself")):
            with pytest.raises(Invalid) as refusal:
                await basket.flags.update(basket.ada, (DEV, "checkout"), content, expected=1, reason=WHY)
            assert told in " ".join(faults(refusal).values())
        assert (await basket.flags.disable(basket.ada, (DEV, "checkout"), expected=1, reason=WHY)).version == 2

    async def test_it_is_archived_after_those_that_need_it(self, basket: World) -> None:
        archive = FlagArchive(basket.store)
        with pytest.raises(FlagNeeded) as refusal:
            await archive.archive(basket.ada, (DEV, "checkout"), expected=1, reason=WHY, confirm=True)
        assert refusal.value.facts == {"needed_by": ["basket"]}
        await archive.archive(basket.ada, (DEV, "basket"), expected=1, reason=WHY, confirm=True)
        await archive.archive(basket.ada, (DEV, "checkout"), expected=1, reason=WHY, confirm=True)
        with pytest.raises(Invalid):
            await archive.restore(basket.ada, (DEV, "basket"), expected=2, reason=WHY)

    async def test_a_kill_is_not_refused_for_what_others_need(self, world: World) -> None:
        """Such a set is left by a rollback, which nothing refuses either."""
        await world.put(OTHER)
        await world.put(NEEDING, key="basket")
        killed = await world.kill_switch.kill(world.root, PRODUCTION, "checkout", variant="no", reason="it burns")
        assert (killed.flag.origin, killed.flag.definition) == (KILL, OTHER)

    async def test_shared_rules_stay_such_that_they_can_be_said(self, world: World) -> None:
        await world.put({"share": {"var": "x"}}, key="$evaluators")
        await world.put({**OFF, "targeting": {"$ref": "share"}})
        await world.put(NEEDING, key="basket")
        with pytest.raises(Invalid) as refusal:
            await world.propose(key="$evaluators", content=SHARED, base_version=1, plan=DIRECT)
        assert "the flag basket would not be valid any more" in " ".join(faults(refusal).values())


def _back() -> dict[str, Any]:
    return {"targeting": {"if": [{"$flag": ["basket", "on"]}, "on"]}}


@pytest.mark.req("SM-D6", "SM-D7")
class TestTogether:
    async def test_a_change_is_judged_by_what_it_leads_to(self, world: World) -> None:
        await nobody_is_asked(world)
        both = (flag("checkout", OFF, 0, at=0), flag("basket", NEEDING, 0, at=1))
        assert [each.key for each in (await proposed(world, *both)).content.targets] == ["checkout", "basket"]
        rivals = (flag("checkout", rival("basket"), 0, at=0), flag("basket", rival(), 0, at=1))
        with pytest.raises(Invalid) as refusal:
            await proposed(world, *rivals)
        assert faults(refusal) == {
            "/targets/0/definition/authoring/conflicts/0": "conflicts with the flag basket, and both would be live",
            "/targets/1/definition/state": "conflicts with the flag checkout, and both would be live",
        }

    async def test_one_goes_off_as_the_other_goes_on(self, world: World) -> None:
        await nobody_is_asked(world)
        await world.put(rival("basket"))
        off = {**rival(), "state": "DISABLED"}
        await world.put(off, key="basket")
        with pytest.raises(Invalid):
            await proposed(world, flag("basket", rival()))
        await proposed(
            world, flag("basket", rival(), at=0), flag("checkout", {**rival("basket"), "state": "DISABLED"}, at=1)
        )

    async def test_a_stage_conflicts_as_the_flag_does_and_who_was_killed_with_nobody(self, world: World) -> None:
        variants = {"variants": {"on": "new", "off": "old"}}
        live = {**rival("basket"), **variants}
        lower = {**live, "authoring": {**live["authoring"], "serve": "off"}}
        await world.flags.create(world.ada, (DEV, "checkout"), lower, WHY)
        await world.flags.update(world.ada, (DEV, "checkout"), exposed(lower, live, 10_000), expected=1, reason=WHY)
        with pytest.raises(Invalid) as refusal:
            await world.flags.create(world.ada, (DEV, "basket"), rival(), WHY)
        assert faults(refusal) == {"/state": "conflicts with the flag checkout, and both would be live"}
        killed = await world.kill_switch.kill(world.root, DEV, "checkout", variant="off", reason="it burns")
        assert killed.flag.definition["metadata"] == {"off": "off", "conflicts": "basket"}
        await world.flags.create(world.ada, (DEV, "basket"), rival(), WHY)

    async def test_what_was_written_since_stops_the_write(self, world: World) -> None:
        await world.put()
        await world.put({**rival(), "state": "DISABLED"}, key="basket")
        change = (await world.approved(key="basket", content=rival(), plan=DIRECT)).rollout.id
        assert (await world.admit(change)).state is State.RUNNING
        await world.put(rival("basket"))
        with pytest.raises(Invalid):
            await world.progression.expose(world.step(change), 0)

    async def test_what_a_rollout_needs_may_be_gone_when_it_starts(self, world: World) -> None:
        await world.put()
        change = (await world.approved(key="basket", content=NEEDING, plan=DIRECT)).rollout.id
        await world.put(OTHER)
        admission = await world.admit(change)
        assert (admission.state, admission.why) == (State.INVALIDATED, "content_no_longer_valid")


@pytest.mark.req("S42")
class TestStages:
    async def served(self, world: World, version: int) -> Any:
        async with world.store.transaction(world.tenant.id) as tx:
            return await tx.flags.version(PRODUCTION, "checkout", version)

    async def test_a_flag_that_others_need_is_split_by_a_named_subject(self, world: World) -> None:
        await world.put()
        await world.put(NEEDING, key="basket")
        rollout = await world.running()
        assert by_subject(await self.served(world, 2))
        await world.put(OFF, key="basket")
        await world.judged(rollout)
        await world.progression.expose(world.step(rollout), 1)
        assert by_subject(await self.served(world, 3)), "who is in stays in"

    async def test_one_that_nobody_needs_is_split_as_ever_and_not_needed_meanwhile(self, world: World) -> None:
        rollout = await world.running()
        assert not by_subject(await self.served(world, 2))
        await world.policy(ApprovalPolicy((), reminders=()))
        with pytest.raises(Invalid, match="not valid"):
            await world.flags.create(world.ada, (PRODUCTION, "basket"), NEEDING, WHY)
        await world.put(NEEDING, key="basket")
        await world.judged(rollout)
        await world.progression.expose(world.step(rollout), 1)
        assert not by_subject(await self.served(world, 3)), "who is in stays in"


@pytest.mark.req("FP2")
async def test_each_tenant_below_has_a_set_of_its_own(world: World) -> None:
    """What is needed is there in one of them, and in the other it is not."""
    await nobody_is_asked(world)
    north, south = [await found(world, slug) for slug in ("north", "south")]
    await elsewhere(world, north, OFF, "search")
    needing = {**OFF, "targeting": {"if": [{"$flag": ["search", "on"]}, "on"]}}
    wanted = flag("basket", needing, None)
    with pytest.raises(Invalid) as told:
        await proposed(world, wanted, tenants=ALL)
    assert faults(told) == {
        "/tenants": "south cannot take it: invalid; /targeting/if/0/$flag no flag 'search' here"
    }  # fmt: skip
    await elsewhere(world, south, OFF, "search")
    rollout = await admitted(world, wanted, tenants=ALL)
    await elsewhere(world, south, OTHER, "search")
    with pytest.raises(TenantsRefuse) as refusal:
        await world.progression.expose(world.step(rollout), 0)
    assert refusal.value.facts["refused"] == 1
    assert await flag_of(world, south, "basket") is None
