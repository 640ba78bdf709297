"""What is financial is not written in a tenant below while its own close holds a period."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from application.progression import Progression
from domain.canonical import Json
from domain.closures import ClosureRun, Mode, RunState
from domain.periods import GateKey
from domain.rollouts.parts import PartState, TenantsRefuse
from tests.unit.application.estates import (
    ALL,
    DIRECT,
    admitted,
    flag,
    found,
    parts_of,
    stocked,  # noqa: F401 -- fixtures are found by their name
)
from tests.world import ON, PRODUCTION, World

FINANCIAL: Json = {**ON, "metadata": {"financial": True}}
BATCH: Json = {"strategy": "rolling", "batches": {"size": 5, "pause_seconds": 0, "max_failed": 1}}
WHY = "because of the test"


async def closing(shop: World, tenant: UUID) -> ClosureRun:
    """February is being closed there, and takes adjustments at most."""
    key = GateKey("de", uuid4(), "AP")
    async with shop.store.transaction(tenant) as tx:
        run = ClosureRun(
            uuid4(), tenant, "de", key.period, "2026-02", ("AP",), Mode.HARD, 1, shop.root.id, RunState.TASKS, tx.now
        )
        await tx.closures.add(run)
    for verb in ("opened", "soft_closed"):
        async with shop.store.transaction(tenant) as tx:
            gate = (await tx.periods.hold([key]))[key]
            await tx.periods.move([getattr(gate, verb)(shop.root.id, tx.now, WHY)])
    return run


async def over(shop: World, run: ClosureRun) -> None:
    async with shop.store.transaction(run.tenant) as tx:
        await tx.closures.save(replace(run, state=RunState.ABORTED))


async def under_way(shop: World, content: Json = FINANCIAL, plan: Json = BATCH) -> tuple[UUID, ClosureRun]:
    """Of two tenants below, the second closes its books."""
    await found(shop, "aye")
    run = await closing(shop, await found(shop, "bee"))
    return await admitted(shop, flag(content=content, base=None), plan=plan, tenants=ALL), run


async def ask(shop: World, rollout: UUID, **more: Any) -> None:
    await Progression(shop.store, pause=0).expose(shop.step(rollout, "expose"), 0, **more)


async def served(shop: World, rollout: UUID) -> dict[str, PartState]:
    return {each.slug: each.state for each in await parts_of(shop, rollout)}


@pytest.mark.req("FR-SM-023")
class TestFinancialBelow:
    async def test_is_refused_by_the_tenant_that_closes_and_taken_by_the_others(self, shop: World) -> None:
        rollout, run = await under_way(shop)
        await ask(shop, rollout)
        assert await served(shop, rollout) == {"aye": PartState.APPLIED, "bee": PartState.SKIPPED}
        refused = (await parts_of(shop, rollout))[1]
        assert refused.why == f"financial-change-held; entity=de; period=2026-02; run={run.id}"
        async with shop.store.transaction(run.tenant) as tx:
            present = await tx.flags.get(PRODUCTION, "checkout")
        assert present is not None
        assert present.version == 1

    async def test_is_taken_once_the_close_is_over(self, shop: World) -> None:
        rollout, run = await under_way(shop)
        await over(shop, run)
        await ask(shop, rollout)
        assert set((await served(shop, rollout)).values()) == {PartState.APPLIED}

    async def test_stops_where_there_are_no_batches(self, shop: World) -> None:
        rollout, run = await under_way(shop, plan=DIRECT)
        with pytest.raises(TenantsRefuse) as refused:
            await ask(shop, rollout)
        assert refused.value.facts["tenants"] == {
            "bee": f"financial-change-held; entity=de; period=2026-02; run={run.id}"
        }

    async def test_is_no_matter_of_other_changes(self, shop: World) -> None:
        rollout, _ = await under_way(shop, content=ON)
        await ask(shop, rollout)
        assert set((await served(shop, rollout)).values()) == {PartState.APPLIED}
