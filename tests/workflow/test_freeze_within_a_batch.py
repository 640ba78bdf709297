"""A freeze that begins while a large batch is half written lets that batch end, and no other begin."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import asyncpg
import pytest
from temporalio import activity

from adapters.embedded.stack import Stack
from adapters.postgres.errors import DatabaseUnavailable
from adapters.postgres.store import PostgresStore, PostgresTransaction
from application.progression import MIXED
from domain.locks import WhileRunning
from domain.rollouts import State
from domain.rollouts.parts import PartState
from domain.tenants import Tenancy, Tier
from tests.workflow.estates import Estate, estate, rolling
from tests.workflow.theatre import Theatre, now
from tests.workflow.waits import frozen, lifted

MANY, REST = 1_000, 3
HALF = 4
"""Transactions that are through when the freeze begins."""


class HalfWay(PostgresStore):
    """The real store; what serves a stage stands still after `HALF` of its transactions, and then fails once."""

    def __init__(self, store: PostgresStore) -> None:
        super().__init__(store._engine)
        self._through = 0
        self.there, self.go_on = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def transaction(self, tenant: UUID) -> AsyncIterator[PostgresTransaction]:
        if activity.info().activity_type == "rollout.expose" and not self.go_on.is_set():
            self._through += 1
            if self._through > HALF:
                self.there.set()
                await self.go_on.wait()
                raise DatabaseUnavailable
        async with super().transaction(tenant) as tx:
            yield tx


async def crowd(stage: Theatre, many: int) -> Estate:
    """So many tenants that have no flag yet."""
    below = await estate(stage)
    house = stage.house.id
    async with stage.store.transaction(house) as tx:
        for number in range(many):
            slug = f"n-{number:04}-{house.hex[:10]}"
            await tx.tenants.found(Tenancy(uuid4(), slug, slug, now(), Tier.FREE, ancestors=(house,)))
    return below


async def served(stack: Stack, change: UUID) -> list[int]:
    """In how many tenants each batch of this change is what is served."""
    owner = await asyncpg.connect(stack.endpoints.database_superuser_url)
    try:
        query = "SELECT origin, count(*) FROM flag WHERE origin LIKE $1 GROUP BY origin ORDER BY origin"
        return [row["count"] for row in await owner.fetch(query, f"rollout:{change}:%")]
    finally:
        await owner.close()


@pytest.mark.req("S88", "S71", "I2")
async def test_batch_of_a_thousand_is_written_whole_and_the_next_one_waits(unmanned: Theatre, stack: Stack) -> None:
    stage, store = unmanned, HalfWay(unmanned.store)
    stage.activity_store = store
    below = await crowd(stage, MANY + REST)
    async with stage.worker():
        change = await below.submit(rolling(MANY, pause=600))
        await asyncio.wait_for(store.there.wait(), 60)
        (half,) = await served(stack, change)
        assert 0 < half < MANY
        freeze = await frozen(stage, WhileRunning.PAUSE)
        store.go_on.set()
        await stage.skip(change, minutes=30)
        held = await stage.until(change, State.PAUSED)
        assert held.cause == "frozen"
        assert await served(stack, change) == [MANY]
        states = Counter(part.state for part in await below.parts(change))
        assert states == {PartState.APPLIED: MANY, PartState.PENDING: REST}
        lines = [line for line in await stage.timeline(change) if ":expose:0" in line.step]
        assert [line.cause for line in lines] == [MIXED] * (len(lines) - 1) + ["stage_begins"]
        assert len(lines) > HALF
        await lifted(stage, freeze)
        await stage.skip(change, hours=1)
        assert await stage.end(change) is State.SUCCEEDED
    assert await served(stack, change) == [MANY, REST]
