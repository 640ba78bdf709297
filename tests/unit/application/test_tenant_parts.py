from datetime import timedelta

import pytest

from application import parts
from application.ports.records import AuditFilter
from domain.errors import Invalid
from domain.rollouts import State
from domain.tenants import Tier
from tests.unit.application.estates import (
    ALL,
    BY_TENANT,
    DIRECT,
    admitted,
    elsewhere,
    exposed,
    flag,
    flag_of,
    found,
    parts_of,
    proposed,
    restored,
    stocked,  # noqa: F401 -- fixtures are found by their name
    value,
    value_of,
)
from tests.world import OFF, ON, World


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
