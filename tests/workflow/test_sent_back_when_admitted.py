"""An operator may be heard between the admission of a rollout and the answer that tells its process of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from temporalio import activity

from adapters.postgres.store import PostgresStore, PostgresTransaction
from domain.rollouts import State, Verb
from tests.workflow.theatre import CLASSIC, Theatre


class Lingering(PostgresStore):
    """The real store; the first activity of this name is silent for a while after it has done its work."""

    def __init__(self, store: PostgresStore, name: str) -> None:
        super().__init__(store._engine)
        self._name = name
        self.goes_on = asyncio.Event()

    @asynccontextmanager
    async def transaction(self, tenant: UUID) -> AsyncIterator[PostgresTransaction]:
        async with super().transaction(tenant) as tx:
            yield tx
        if activity.info().activity_type == self._name:
            await self.goes_on.wait()


@pytest.mark.req("S74", "I8")
async def test_it_ends_where_it_began_without_being_lost(unmanned: Theatre) -> None:
    store = unmanned.activity_store = Lingering(unmanned.store, "rollout.admit")
    await unmanned.policy()
    async with unmanned.worker():
        change = await unmanned.submit()
        await unmanned.until(change, State.RUNNING)
        await unmanned.act(unmanned.house.olu, change, Verb.ABORT)
        store.goes_on.set()
        assert await unmanned.end(change) is State.ROLLED_BACK
    ways = [line.to_state for line in await unmanned.timeline(change)]
    assert ways[-3:] == [State.RUNNING, State.ROLLING_BACK, State.ROLLED_BACK]
    assert (await unmanned.rollout(change)).cause == "abort_by_operator"
    assert (await unmanned.percents(change), await unmanned.served()) == ([0], CLASSIC)
