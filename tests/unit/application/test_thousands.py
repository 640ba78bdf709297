"""What goes to thousands of tenants goes in a few transactions, is watched as one, and comes back from all of them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from adapters.memory.metrics import ScriptedSource
from application.gating import CheckWish, Gating
from application.ports.metrics import edges
from application.ports.records import StoredFlag
from application.progression import MIXED
from domain.gates import CohortQuery, CohortReading, Counts, ProviderError, StageClock, Verdict
from domain.rollouts import State
from domain.rollouts.parts import PartState
from domain.tenants import Tenancy, Tier
from tests.unit.application.estates import (
    ALL,
    DIRECT,
    admitted,
    exposed,
    flag,
    nobody_is_asked,
    parts_of,
)
from tests.world import OFF, ON, PRODUCTION, START, World

MANY = 2_500
GATES = {"min_requests": 100, "min_checks": 2, "acknowledge_infeasible": True}


class Counters(ScriptedSource):
    """Every tenant has ten requests a minute, of which one in a hundred fails, or nine in ten from `broken` on."""

    broken: datetime | None = None

    async def read_cohort(self, query: CohortQuery, at: datetime) -> CohortReading | ProviderError:
        return self._read(query, at)

    async def past_cohort(
        self, query: CohortQuery, until: datetime, step: timedelta, windows: int
    ) -> Sequence[CohortReading] | ProviderError:
        return [self._read(query, at) for at in edges(until, step, windows)]

    def _read(self, query: CohortQuery, at: datetime) -> CohortReading:
        requests = round((at - START) / timedelta(seconds=6)) + 100_000
        worse = round((at - self.broken) / timedelta(seconds=6)) if self.broken and at > self.broken else 0
        counts = Counts(requests, (requests - worse) // 100 + worse * 9 // 10)
        return CohortReading(at, {slug: counts for slug, _ in query.tenants})


async def tenants(world: World, many: int) -> list[UUID]:
    """All of them in one go, each with a flag that is off."""
    await nobody_is_asked(world)
    below = [uuid4() for _ in range(many)]
    async with world.store.transaction(world.tenant.id) as tx:
        for number, new in enumerate(below):
            tenancy = Tenancy(new, f"t-{number:04}", "One", tx.now, Tier.FREE, ancestors=(world.tenant.id,))
            await tx.tenants.found(tenancy)
            async with tx.within(new) as inside:
                stored = StoredFlag(PRODUCTION, "checkout", 1, OFF, "api", None, tx.now)
                await inside.flags.put(stored, expected=0)
    return below


async def defaults(world: World, below: list[UUID]) -> list[object]:
    served = []
    for tenant in below:
        async with world.store.transaction(tenant) as tx:
            present = await tx.flags.get(PRODUCTION, "checkout")
        served.append(present and present.definition["defaultVariant"])
    return served


class TestThousands:
    @pytest.mark.req("S69", "I5")
    async def test_have_it_at_once_and_give_it_back_when_it_fails_while_it_bakes(self, world: World) -> None:
        below = await tenants(world, MANY)
        source = Counters(START)
        rollout = await admitted(world, flag(base=None), plan=DIRECT, tenants=ALL, gates=GATES)
        await exposed(world, rollout)
        mixed = [line for line in await world.timeline(rollout) if line.cause == MIXED]
        assert len(mixed) > 1
        assert set(await defaults(world, below)) == {ON["defaultVariant"]}
        await world.progression.move(world.step(rollout), State.BAKING, "all_stages_passed")
        source.broken = world.clock() + timedelta(minutes=2)
        gating, verdicts = Gating(world.store, source), []
        for number in range(1, 6):
            at = world.clock() + timedelta(minutes=number)
            clock = StageClock(0, 60.0 * number, 600.0, control_expected=False)
            wish = CheckWish(world.tenant.id, rollout, number, at, clock)
            verdicts.append((await gating.check(wish)).verdict)
        assert Verdict.FAIL not in verdicts[:2]
        assert verdicts[-1] is Verdict.FAIL
        await world.progression.move(world.step(rollout), State.ROLLING_BACK, "gate_failed")
        assert await world.back(world.step(rollout)) is State.ROLLED_BACK
        assert set(await defaults(world, below)) == {OFF["defaultVariant"]}
        assert {each.state for each in await parts_of(world, rollout)} == {PartState.RESTORED}
