"""What a change costs in each of many tenants, and that each of them has its own lines of it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.engine import connect
from adapters.postgres.store import PostgresStore
from application.drafts.wanted import Wanted
from application.ports.records import AuditFilter
from domain.audit import Action, leaf_of
from domain.canonical import canonical_bytes
from domain.rollouts import State
from tests.unit.application.estates import DIRECT, LIMIT, admitted, exposed, flag, found, nobody_is_asked, value
from tests.world import Clock, World, world_in

FEW, MORE = 2, 12
VALUE = value(20)


@contextmanager
def counted(engine: AsyncEngine) -> Iterator[list[str]]:
    """Statements as they reach the driver; many rows of one are one."""
    said: list[str] = []

    def hear(*call: object) -> None:
        said.append(str(call[2]))

    event.listen(engine.sync_engine, "before_cursor_execute", hear)
    try:
        yield said
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", hear)


@pytest_asyncio.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """Nobody else says anything over this one."""
    engine = connect(database_url)
    yield engine
    await engine.dispose()


@pytest_asyncio.fixture
async def world(engine: AsyncEngine) -> World:
    world = await world_in(PostgresStore(engine), Clock())
    await nobody_is_asked(world)
    await world.setting.definitions.create(world.ada, LIMIT, "for the test")
    return world


async def under_way(world: World, many: int, wanted: Wanted = VALUE) -> tuple[UUID, list[UUID]]:
    """It is admitted for so many new tenants."""
    slugs = [f"t-{uuid4().hex[:12]}" for _ in range(many)]
    tenants = [await found(world, slug) for slug in slugs]
    return await admitted(world, wanted, plan=DIRECT, tenants={"slugs": slugs}), tenants


async def back(world: World, rollout: UUID) -> None:
    await world.progression.move(world.step(rollout), State.ROLLING_BACK, "asked")
    await world.restoring.restore(world.step(rollout, "restore"))


class TestStatements:
    @pytest.mark.req("S78")
    @pytest.mark.parametrize("wanted", [VALUE, flag(base=None)], ids=["value", "flag"])
    async def test_of_a_way_back_are_as_many_however_many_tenants_it_has(
        self, world: World, engine: AsyncEngine, wanted: Wanted
    ) -> None:
        costs = []
        for many in (FEW, MORE):
            rollout, _ = await under_way(world, many, wanted)
            await exposed(world, rollout)
            with counted(engine) as said:
                await back(world, rollout)
            costs.append(len(said))
            await world.restoring.end(world.step(rollout, "end"))
        assert costs[0] == costs[1]

    @pytest.mark.req("S69")
    async def test_of_the_end_are_none_in_a_tenant_where_nobody_has_written_since(
        self, world: World, engine: AsyncEngine
    ) -> None:
        costs = []
        for many in (FEW, MORE):
            rollout, _ = await under_way(world, many)
            await exposed(world, rollout)
            await world.progression.move(world.step(rollout), State.BAKING, "all_stages_passed")
            with counted(engine) as said:
                end = await world.progression.move(world.step(rollout), State.SUCCEEDED, "completed")
            assert end is State.SUCCEEDED
            costs.append(len(said))
        assert costs[0] == costs[1]


class TestEachTenant:
    @pytest.mark.req("S78", "S89")
    async def test_has_its_own_lines_in_its_own_trail(self, world: World) -> None:
        rollout, tenants = await under_way(world, 3)
        await exposed(world, rollout)
        await back(world, rollout)
        for tenant in tenants:
            async with world.store.transaction(tenant) as tx:
                rows = await tx.audit.page(AuditFilter(action=Action.SETTING_CHANGED), None, 10)
                await tx.events.number(10)  # unless a relay was sooner
                events = await tx.events.after(0, 10)
            assert [row.event["tenant"] for row in rows] == [str(tenant)] * 2
            assert all(leaf_of(canonical_bytes(row.event)) == row.leaf for row in rows)
            assert [(each.tenant, each.subject.version) for each in events] == [(tenant, 1), (tenant, 2)]
        async with world.store.transaction(world.tenant.id) as tx:
            assert await tx.audit.page(AuditFilter(action=Action.SETTING_CHANGED), None, 10) == []
