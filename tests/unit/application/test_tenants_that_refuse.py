"""A tenant of a batch is asked three times before it is skipped, and the others do not wait for it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from application.progression import MIXED, Progression
from domain.rollouts.parts import Part, PartState, TenantsRefuse
from domain.tenants import Quota
from tests.unit.application.estates import (
    ALL,
    DIRECT,
    admitted,
    exposed,
    found,
    parts_of,
    restored,
    stocked,  # noqa: F401 -- fixtures are found by their name
    value,
    value_of,
)
from tests.world import World


class Died(Exception):
    """The worker, between two transactions."""


def batch(*, max_failed: int = 0, size: int = 5) -> dict[str, Any]:
    return {"strategy": "rolling", "batches": {"size": size, "pause_seconds": 0, "max_failed": max_failed}}


async def room(shop: World, tenant: UUID, values: int) -> None:
    async with shop.store.transaction(shop.tenant.id) as tx, tx.within(tenant) as inside:
        own = await inside.tenants.own()
        quotas = {Quota.SETTING_VALUES: values}
        await inside.tenants.save(replace(own, quotas=quotas, version=own.version + 1), None)


async def under_way(shop: World, *full: str, plan: dict[str, Any]) -> tuple[UUID, dict[str, UUID]]:
    """Three tenants, of which some have no room for a value."""
    tenants = {slug: await found(shop, slug) for slug in ("aye", "bee", "cee")}
    rollout = await admitted(shop, value(20), plan=plan, tenants=ALL)
    for slug in full:
        await room(shop, tenants[slug], 0)
    return rollout, tenants


async def ask(shop: World, rollout: UUID, beat: Callable[[], None] = lambda: None) -> None:
    await Progression(shop.store, pause=0).expose(shop.step(rollout, "expose"), 0, beat)


async def ask_once(shop: World, rollout: UUID) -> dict[str, Part]:
    """One transaction, and then the worker dies; the parts by their tenants."""

    def die() -> None:
        raise Died

    with pytest.raises(Died):
        await ask(shop, rollout, die)
    return {each.slug: each for each in await parts_of(shop, rollout)}


def states(parts: list[Part]) -> list[PartState]:
    return [each.state for each in parts]


class TestThirdRefusal:
    @pytest.mark.req("S68")
    async def test_skips_the_tenant_and_says_why(self, shop: World) -> None:
        rollout, _ = await under_way(shop, "bee", plan=batch(max_failed=1))
        await ask(shop, rollout)
        parts = await parts_of(shop, rollout)
        assert states(parts) == [PartState.APPLIED, PartState.SKIPPED, PartState.APPLIED]
        assert (parts[1].why.split(";")[0], parts[1].refusals) == ("quota-exceeded", 3)
        lines = [(line.step, line.cause) for line in await shop.timeline(rollout)][-3:]
        assert lines == [("expose", MIXED), ("expose:1", MIXED), ("expose:2", "stage_begins")]

    @pytest.mark.req("S68")
    async def test_of_one_more_than_may_be_skipped_stops_the_batch(self, shop: World) -> None:
        rollout, tenants = await under_way(shop, "bee", "cee", plan=batch(max_failed=1))
        with pytest.raises(TenantsRefuse) as refused:
            await ask(shop, rollout)
        assert refused.value.facts["refused"] == 2
        assert states(await parts_of(shop, rollout)) == [PartState.APPLIED, PartState.PENDING, PartState.PENDING]
        await restored(shop, rollout)
        assert await value_of(shop, tenants["aye"]) is None

    @pytest.mark.req("S68")
    async def test_counts_against_those_whom_earlier_batches_skipped(self, shop: World) -> None:
        rollout, _ = await under_way(shop, "aye", "cee", plan=batch(max_failed=1, size=1))
        await ask(shop, rollout)
        await exposed(shop, rollout, 1)
        with pytest.raises(TenantsRefuse) as refused:
            await Progression(shop.store, pause=0).expose(shop.step(rollout), 2)
        assert list(refused.value.facts["tenants"]) == ["cee"]  # type: ignore[call-overload]  # by slug


class TestRefusal:
    @pytest.mark.req("S68")
    async def test_does_not_keep_the_others_waiting(self, shop: World) -> None:
        rollout, tenants = await under_way(shop, "bee", plan=batch())
        parts = await ask_once(shop, rollout)
        assert (parts["bee"].state, parts["bee"].refusals) == (PartState.PENDING, 1)
        assert [await value_of(shop, each) for each in tenants.values()] == [20, None, 20]

    @pytest.mark.req("S68")
    async def test_is_forgotten_when_the_tenant_takes_it_after_all(self, shop: World) -> None:
        rollout, tenants = await under_way(shop, "bee", plan=batch())
        await ask_once(shop, rollout)
        await room(shop, tenants["bee"], 1)
        await ask(shop, rollout)
        served = (await parts_of(shop, rollout))[1]
        assert (served.state, served.why, served.refusals) == (PartState.APPLIED, "", 0)
        assert await value_of(shop, tenants["bee"]) == 20

    @pytest.mark.req("S68", "S71")
    async def test_is_counted_though_the_worker_dies_after_each(self, shop: World) -> None:
        rollout, _ = await under_way(shop, "bee", plan=batch(max_failed=1))
        await ask_once(shop, rollout)
        left = 2

        def die_later() -> None:
            nonlocal left
            left -= 1
            if not left:
                raise Died

        with pytest.raises(Died):
            await ask(shop, rollout, die_later)
        assert (await parts_of(shop, rollout))[1].refusals == 2
        await ask(shop, rollout)
        assert (await parts_of(shop, rollout))[1].refusals == 3

    @pytest.mark.req("S68")
    async def test_outside_of_batches_stops_at_once_and_nobody_has_it(self, shop: World) -> None:
        rollout, tenants = await under_way(shop, "bee", plan=DIRECT)
        with pytest.raises(TenantsRefuse):
            await ask(shop, rollout)
        assert {await value_of(shop, each) for each in tenants.values()} == {None}
