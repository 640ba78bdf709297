from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from application import parts
from application.ports.records import AuditFilter, StoredFlag
from domain.approvals import ApprovalPolicy, Level
from domain.changes import BaseVersionConflict, Kind
from domain.errors import Invalid
from domain.rollouts import StaleGeneration, State
from domain.rollouts.parts import PartState, TenantsRefuse
from domain.tenants import Quota, Tier
from tests.unit.application.estates import (
    BY_TENANT,
    DIRECT,
    LIMIT,
    admitted,
    agreed,
    exposed,
    flag,
    flag_of,
    found,
    nobody_is_asked,
    parts_of,
    proposed,
    restored,
    value,
    value_of,
)
from tests.world import OFF, ON, PRODUCTION, World

ALL = {"all": True}


@pytest.fixture
async def shop(world: World) -> World:
    """One flag, a second one, and a setting of the tenant's own."""
    await nobody_is_asked(world)
    await world.setting.definitions.create(world.ada, LIMIT, "for the test")
    for key in ("checkout", "search"):
        await world.put(key=key)
    return world


async def elsewhere(world: World, tenant: Any, definition: Any) -> None:
    """Somebody in that tenant writes the flag."""
    async with world.store.transaction(tenant) as tx:
        present = await tx.flags.get(PRODUCTION, "checkout")
        version = present.version if present else 0
        written = StoredFlag(PRODUCTION, "checkout", version + 1, definition, "api", None, tx.now)
        await tx.flags.put(written, expected=version)


class TestManyTargets:
    @pytest.mark.req("S64")
    async def test_are_served_together_and_go_back_together(self, shop: World) -> None:
        rollout = await admitted(shop, flag(), value(20), flag("search"), plan=DIRECT)
        await exposed(shop, rollout)
        home = shop.tenant.id
        assert [(await flag_of(shop, home, key)).definition for key in ("checkout", "search")] == [ON, ON]  # type: ignore[union-attr]  # both are there
        assert await value_of(shop, home) == 20
        assert {each.state for each in await parts_of(shop, rollout)} == {PartState.APPLIED}
        (back,) = await restored(shop, rollout)
        assert (back.done, back.drifted) == (True, 0)
        assert [(await flag_of(shop, home, key)).definition for key in ("checkout", "search")] == [OFF, OFF]  # type: ignore[union-attr]  # both are there
        assert await value_of(shop, home) is None
        assert {each.state for each in await parts_of(shop, rollout)} == {PartState.RESTORED}

    @pytest.mark.req("S64")
    async def test_of_which_one_cannot_be_written_are_not_written_at_all(self, shop: World) -> None:
        rollout = await admitted(shop, value(20), flag("search"), flag(), plan=DIRECT)
        await shop.put(ON)
        with pytest.raises(StaleGeneration):
            await exposed(shop, rollout)
        assert await value_of(shop, shop.tenant.id) is None
        assert (await flag_of(shop, shop.tenant.id, "search")).version == 1  # type: ignore[union-attr]  # it is there

    async def test_go_back_in_reverse_order(self, shop: World) -> None:
        rollout = await admitted(shop, flag("search"), flag(), plan=DIRECT)
        await exposed(shop, rollout)
        await restored(shop, rollout)
        events = await shop.events("flag:definition:restored")
        assert [each.event["resource"] for each in events] == ["production/checkout", "production/search"]

    @pytest.mark.req("S72")
    async def test_what_somebody_wrote_since_is_left_alone_until_it_is_forced(self, shop: World) -> None:
        rollout = await admitted(shop, flag(), flag("search"), value(20), plan=DIRECT)
        await exposed(shop, rollout)
        other = {**ON, "metadata": {"by": "somebody else"}}
        await shop.put(other)
        (back,) = await restored(shop, rollout)
        assert back.drifted == 1
        states = {each.key: each.state for each in await parts_of(shop, rollout)}
        assert states == {
            "checkout": PartState.DRIFTED, "search": PartState.RESTORED, "#upload.limit": PartState.RESTORED
        }  # fmt: skip
        assert (await flag_of(shop, shop.tenant.id)).definition == other  # type: ignore[union-attr]  # it is there
        (forced,) = await restored(shop, rollout, force=True)
        assert forced.drifted == 0
        assert (await flag_of(shop, shop.tenant.id)).definition == OFF  # type: ignore[union-attr]  # it is there

    async def test_the_kill_switch_stops_what_holds_the_flag_among_others(self, shop: World) -> None:
        await shop.put(OFF, "search")
        rollout = await admitted(shop, flag("search", base=2), flag(), plan=DIRECT)
        await exposed(shop, rollout)
        killed = await shop.kill_switch.kill(shop.root, PRODUCTION, "checkout", variant=None, reason="it burns")
        assert (killed.stopped_rollout, killed.flag.definition["defaultVariant"]) == (rollout, "off")
        assert shop.processes.kills == [rollout]

    async def test_succeed_when_all_of_them_are_served(self, shop: World) -> None:
        rollout = await admitted(shop, flag(), value(20), plan=DIRECT)
        await exposed(shop, rollout)
        await shop.progression.move(shop.step(rollout), State.BAKING, "all_stages_passed")
        assert await shop.progression.move(shop.step(rollout), State.SUCCEEDED, "completed") is State.SUCCEEDED

    async def test_two_flags_share_their_stages(self, shop: World) -> None:
        rollout = await admitted(shop, flag(), flag("search"), plan={"bake_seconds": 0})
        await exposed(shop, rollout)
        await exposed(shop, rollout, 1)
        for key in ("checkout", "search"):
            present = await flag_of(shop, shop.tenant.id, key)
            assert present is not None
            assert present.definition["targeting"] == {"fractional": [["on", 25_000], ["off", 75_000]]}
        await restored(shop, rollout)
        assert (await flag_of(shop, shop.tenant.id)).definition == OFF  # type: ignore[union-attr]  # it is there

    async def test_of_instances_split_by_them(self, shop: World) -> None:
        rollout = await admitted(shop, flag(), plan={"audience": {"mode": "instance"}})
        await exposed(shop, rollout)
        present = await flag_of(shop, shop.tenant.id)
        assert present is not None
        assert present.definition["targeting"]["fractional"][1:] == [["on", 10_000], ["off", 90_000]]


class TestBases:
    @pytest.mark.req("S13")
    async def test_all_that_moved_are_named(self, shop: World) -> None:
        change = await proposed(shop, flag(), flag("search"), value(20))
        for key in ("checkout", "search"):
            await shop.put(ON, key)
        with pytest.raises(BaseVersionConflict) as refused:
            await shop.submission.submit(shop.root, change.id)
        assert refused.value.facts["moved"] == ["checkout", "search"]

    @pytest.mark.req("S79")
    async def test_what_went_back_has_not_moved(self, shop: World) -> None:
        before = await proposed(shop, flag(), value(30))
        rollout = await admitted(shop, flag(), value(20), plan=DIRECT)
        await exposed(shop, rollout)
        during = await proposed(shop, flag(base=2, content={**ON, "metadata": {"is": "later"}}), value(40))
        await shop.progression.move(shop.step(rollout), State.ROLLING_BACK, "asked")
        await shop.back(shop.step(rollout))
        shop.clock += timedelta(seconds=1)
        with pytest.raises(BaseVersionConflict):
            await shop.submission.submit(shop.root, during.id)
        again = await agreed(shop, before)
        assert (await shop.admit(again)).state is State.RUNNING
        await exposed(shop, again)
        assert await value_of(shop, shop.tenant.id) == 30
        assert (await flag_of(shop, shop.tenant.id)).definition == ON  # type: ignore[union-attr]  # it is there

    @pytest.mark.req("S14")
    async def test_a_rebase_carries_every_target_over(self, shop: World) -> None:
        change = await proposed(shop, flag(), value(20))
        await shop.put({**OFF, "metadata": {"by": "somebody else"}})
        new = (await proposed(shop, flag("search"))).id
        rebased = await shop.changes.rebase(shop.root, change.id, replace(change, id=new).id)
        assert rebased.id == new

    async def test_a_rebase_keeps_what_only_one_side_changed(self, shop: World) -> None:
        change = await proposed(shop, flag(), value(20))
        await shop.put({**OFF, "metadata": {"by": "somebody else"}})
        rebased = await shop.changes.rebase(shop.root, change.id, shop.ada.id)
        checkout, limit = rebased.content.targets
        assert (checkout.base_version, checkout.content) == (2, {**ON, "metadata": {"by": "somebody else"}})
        assert limit == change.content.targets[1]
        assert rebased.supersedes == change.id

    async def test_a_rebase_names_what_both_sides_changed(self, shop: World) -> None:
        first = await admitted(shop, value(20), plan=DIRECT)
        change = await proposed(shop, value(30), flag())
        await exposed(shop, first)
        with pytest.raises(BaseVersionConflict) as refused:
            await shop.changes.rebase(shop.root, change.id, shop.ada.id)
        assert refused.value.facts["paths"] == ["/#upload.limit/value"]


class TestTenants:
    async def test_get_it_stage_by_stage_and_give_it_back(self, shop: World) -> None:
        below = {f"t-{n:02}": await found(shop, f"t-{n:02}") for n in range(7)}
        rollout = await admitted(shop, flag(base=None), value(20), plan=BY_TENANT, tenants=ALL)
        await exposed(shop, rollout)
        have = [slug for slug, each in below.items() if await value_of(shop, each) == 20]
        assert len(have) == 1
        assert (await flag_of(shop, below[have[0]])).definition == ON  # type: ignore[union-attr]  # it is there
        await exposed(shop, rollout, 1)
        more = [slug for slug, each in below.items() if await value_of(shop, each) == 20]
        assert (len(more), set(have) <= set(more)) == (2, True)
        await restored(shop, rollout)
        assert {await value_of(shop, each) for each in below.values()} == {None}
        assert {(await flag_of(shop, each)).definition["defaultVariant"] for each in below.values()} == {"off"}  # type: ignore[union-attr]  # all are there
        assert await value_of(shop, shop.tenant.id) is None

    @pytest.mark.req("S43")
    async def test_of_the_largest_tier_come_last_unless_they_are_named(self, shop: World) -> None:
        for n in range(6):
            await found(shop, f"t-{n}")
        await found(shop, "grand", Tier.ENTERPRISE)
        await found(shop, "asked", Tier.ENTERPRISE)
        plan = {**BY_TENANT, "audience": {"mode": "tenant", "include": ["asked"]}}
        rollout = await admitted(shop, value(20), plan=plan, tenants=ALL)
        stages = {each.slug: each.stage for each in await parts_of(shop, rollout)}
        assert (stages["asked"], stages["grand"]) == (0, 3)

    async def test_of_whom_nobody_could_begin_are_refused(self, shop: World) -> None:
        await found(shop, "grand", Tier.ENTERPRISE)
        with pytest.raises(Invalid) as refused:
            await proposed(shop, value(20), plan=BY_TENANT, tenants=ALL)
        assert refused.value.faults[0].path == "/plan/audience/include"

    @pytest.mark.req("S67")
    async def test_take_turns_by_tier_and_region(self, shop: World) -> None:
        for slug, tier, labels in (
            ("big", Tier.ENTERPRISE, {}),
            ("pay", Tier.PRO, {"region": "eu"}),
            ("pal", Tier.PRO, {"region": "ap"}),
            ("own", Tier.PRO, {"tier": "internal"}),
            ("gratis", Tier.FREE, {}),
        ):
            await found(shop, slug, tier, labels=labels)
        plan = {"strategy": "rolling", "batches": {"size": 2, "pause_seconds": 0}}
        rollout = await admitted(shop, value(20), plan=plan, tenants=ALL)
        stages = {each.slug: each.stage for each in await parts_of(shop, rollout)}
        assert stages == {"own": 0, "gratis": 0, "pal": 1, "pay": 1, "big": 2}
        assert (await shop.rollout(rollout)).stages == 3

    @pytest.mark.req("S44")
    async def test_that_come_meanwhile_get_it_when_it_has_succeeded(self, shop: World) -> None:
        await found(shop, "early")
        rollout = await admitted(shop, value(20), plan=DIRECT, tenants=ALL)
        await exposed(shop, rollout)
        late = await found(shop, "late")
        assert await value_of(shop, late) is None
        await shop.progression.move(shop.step(rollout), State.BAKING, "all_stages_passed")
        shop.clock += timedelta(seconds=1)
        assert await shop.progression.move(shop.step(rollout), State.SUCCEEDED, "completed") is State.SUCCEEDED
        shop.clock += timedelta(seconds=1)
        assert await value_of(shop, late) == 20

    @pytest.mark.req("S68")
    @pytest.mark.parametrize("allowed", [1, 0])
    async def test_that_cannot_take_it_are_skipped_as_far_as_the_plan_allows(self, shop: World, allowed: int) -> None:
        tenants = {slug: await found(shop, slug) for slug in ("aye", "bee")}
        plan = {"strategy": "rolling", "batches": {"size": 2, "pause_seconds": 0, "max_failed": allowed}}
        rollout = await admitted(shop, value(20), plan=plan, tenants=ALL)
        async with shop.store.transaction(shop.tenant.id) as tx, tx.within(tenants["bee"]) as inside:
            own = await inside.tenants.own()
            await inside.tenants.save(replace(own, quotas={Quota.SETTING_VALUES: 0}), None)
        if allowed:
            await exposed(shop, rollout)
            states = {each.slug: (each.state, each.why.split(";")[0]) for each in await parts_of(shop, rollout)}
            assert states == {"aye": (PartState.APPLIED, ""), "bee": (PartState.SKIPPED, "quota-exceeded")}
        else:
            with pytest.raises(TenantsRefuse) as refused:
                await exposed(shop, rollout)
            assert list(refused.value.facts["tenants"]) == ["bee"]  # type: ignore[call-overload]  # by slug
            assert await value_of(shop, tenants["aye"]) is None

    @pytest.mark.req("S72")
    async def test_what_one_of_them_wrote_since_is_left_alone(self, shop: World) -> None:
        one, other = await found(shop, "one"), await found(shop, "other")
        rollout = await admitted(shop, flag(base=None), plan=DIRECT, tenants=ALL)
        await exposed(shop, rollout)
        mine = {**ON, "metadata": {"by": "the tenant"}}
        await elsewhere(shop, one, mine)
        assert (await restored(shop, rollout))[-1].drifted == 1
        assert (await flag_of(shop, one)).definition == mine  # type: ignore[union-attr]  # it is there
        assert (await flag_of(shop, other)).definition == OFF  # type: ignore[union-attr]  # it is there

    async def test_one_that_writes_for_itself_does_not_stop_the_others(self, shop: World) -> None:
        one, other = await found(shop, "one"), await found(shop, "other")
        rollout = await admitted(shop, flag(base=None), plan=DIRECT, tenants=ALL)
        await exposed(shop, rollout)
        mine = {**ON, "metadata": {"by": "the tenant"}}
        await elsewhere(shop, one, mine)
        await shop.progression.move(shop.step(rollout), State.BAKING, "all_stages_passed")
        assert await shop.progression.move(shop.step(rollout), State.SUCCEEDED, "completed") is State.SUCCEEDED
        assert {each.slug: each.state.value for each in await parts_of(shop, rollout)} == {
            "one": "drifted", "other": "applied"
        }  # fmt: skip
        assert (await flag_of(shop, one)).definition == mine  # type: ignore[union-attr]  # it is there
        assert (await flag_of(shop, other)).definition == ON  # type: ignore[union-attr]  # it is there

    async def test_are_chosen_below_this_one_and_open(self, shop: World) -> None:
        middle = await found(shop, "middle", Tier.PRO)
        await found(shop, "deep", above=middle)
        closed = await found(shop, "closed", Tier.PRO, suspended_at=shop.clock())
        await found(shop, "shut", above=closed)
        rollout = await admitted(shop, value(20), plan=DIRECT, tenants=ALL)
        assert [each.slug for each in await parts_of(shop, rollout)] == ["deep", "middle"]

    @pytest.mark.req("S69")
    async def test_many_are_written_some_at_a_time(self, shop: World) -> None:
        tenants = [await found(shop, f"t-{n}") for n in range(5)]
        rollout = await admitted(shop, value(20), plan=DIRECT, tenants=ALL)
        change = await shop.changes.get(shop.root, rollout)
        done = []
        for _ in range(3):
            async with shop.store.transaction(shop.tenant.id) as tx:
                present = await tx.rollouts.get(rollout)
                assert present is not None
                done.append((await parts.expose(tx, present, change, 0, most=2)).done)
            shop.clock += timedelta(seconds=1)
        assert done == [False, False, True]
        assert {await value_of(shop, each) for each in tenants} == {20}
        assert [each.done for each in await restored(shop, rollout, most=2)] == [False, False, True]
        assert {await value_of(shop, each) for each in tenants} == {None}

    async def test_remember_who_wrote_in_their_own_trail(self, shop: World) -> None:
        tenant = await found(shop, "one")
        rollout = await admitted(shop, flag(base=None), plan=DIRECT, tenants=ALL)
        await exposed(shop, rollout)
        async with shop.store.transaction(tenant) as tx:
            events = await tx.audit.page(AuditFilter(action="flag:exposure:changed"), None, 10)
        assert [each.event["change"] for each in events] == [str(rollout)]


class TestVotes:
    @pytest.mark.req("S14")
    @pytest.mark.parametrize("same", [True, False])
    async def test_are_kept_only_where_every_target_is_as_it_was(self, shop: World, same: bool) -> None:  # noqa: FBT001 -- a case
        async with shop.store.transaction(shop.tenant.id) as tx:
            for kind in (Kind.FLAG, Kind.SETTING):
                await tx.policies.put(PRODUCTION, kind, ApprovalPolicy((Level(quorum=2),), reminders=()))
        change = await proposed(shop, flag(), flag("search"), value(20))
        await shop.submission.submit(shop.root, change.id)
        await shop.vote("bob", change.id)
        await shop.put(OFF if same else {**OFF, "metadata": {"by": "somebody else"}}, "search")
        await shop.vote("cyd", change.id)
        if same:  # another version of the same content: it moved, says who looks at the numbers
            await shop.put({**OFF, "metadata": {"for": "a while"}}, "search")
        assert (await shop.admit(change.id)).state is State.INVALIDATED
        if same:
            await shop.put(OFF, "search")
        again = await shop.changes.rebase(shop.root, change.id, uuid4())
        submitted = await shop.submission.submit(shop.root, again.id)
        kept = (await shop.state(submitted.approval.id)).ballots
        assert [each.voter for each in kept] == ([shop.bob.id, shop.cyd.id] if same else [])
