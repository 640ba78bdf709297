"""When a batch fails, all that were reached go back in reverse order, and who comes later was never touched."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import pytest

from adapters.memory.metrics import Traffic, constant
from adapters.postgres.parts import PostgresParts
from application.ports.records import StoredFlag
from domain.rollouts import State
from domain.rollouts.parts import PartState
from domain.tenants import Tier
from tests.workflow.estates import Estate, estate, rolling
from tests.workflow.theatre import BRISK, Theatre

ORDER = ("own", "free", "pro", "big", "huge")


async def street(stage: Theatre) -> Estate:
    """One batch each: internal, free, standard, and two of the largest."""
    made = await estate(stage, huge=Tier.ENTERPRISE, big=Tier.ENTERPRISE, pro=Tier.PRO, free=Tier.FREE, own=Tier.PRO)
    async with stage.store.transaction(stage.house.id) as tx, tx.within(made.tenants["own"]) as inside:
        own = await inside.tenants.own()
        await inside.tenants.save(replace(own, labels={"tier": "internal"}, version=own.version + 1), None)
    return made


async def third_is_served(stage: Theatre, change: UUID) -> float:
    """When, in seconds of the source, the third batch began."""
    for _ in range(60):
        begun = [line for line in await stage.timeline(change) if line.stage == 2]
        if begun:
            return (begun[0].at - stage.metrics._start).total_seconds()
        await stage.skip(change, minutes=1)
    raise AssertionError("the third batch never came")


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """The tenants whose flags go back, in order."""
    tenants: list[UUID] = []
    put_back = PostgresParts.put_back

    async def noted(parts: PostgresParts, flags: Sequence[tuple[UUID, StoredFlag]]) -> list[int]:
        tenants.extend(tenant for tenant, _ in flags)
        return await put_back(parts, flags)

    monkeypatch.setattr(PostgresParts, "put_back", noted)
    return tenants


@pytest.mark.req("S67", "I5")
async def test_the_third_fails_and_three_go_back_the_last_first(stage: Theatre, written: list[UUID]) -> None:
    below = await street(stage)
    below.drive()
    change = await below.submit(rolling(), gates={**BRISK, "acknowledge_infeasible": True})
    await stage.until(change, State.RUNNING)
    since = await third_is_served(stage, change)
    stage.metrics.drive(below.slugs["pro"], Traffic(constant(20), lambda at: 0.01 if at < since else 0.6))
    await stage.skip(change, hours=1)
    assert await stage.end(change) is State.ROLLED_BACK
    assert (await stage.rollout(change)).cause == "gate_failed"
    assert written == [below.tenants[name] for name in ("pro", "free", "own")]
    parts = await below.parts(change)
    assert [part.tenant for part in parts] == [below.tenants[name] for name in ORDER]
    assert [part.state for part in parts] == [PartState.RESTORED] * 3 + [PartState.PENDING] * 2
    assert set((await below.served()).values()) == {"classic"}
