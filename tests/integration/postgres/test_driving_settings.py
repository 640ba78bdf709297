"""No period begins while what drives its calendar is written: whoever opens one waits."""

import asyncio

import pytest
import pytest_asyncio
from sqlalchemy import text

from adapters.postgres.store import PostgresStore
from application.periods.moves import GateVerb
from application.ports.store import Transaction
from application.settings.driving import check_rest
from domain.settings import CalendarBegun, parse_setting_definition
from tests.unit.application.periods.offices import Office
from tests.world import Clock, world_in

ZONE = parse_setting_definition({"key": "zone", "type": "string", "default": "UTC", "drives_calendar": "books"})
_WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"


@pytest_asyncio.fixture
async def office(store: PostgresStore) -> Office:
    return await Office.furnished(await world_in(store, Clock()))


async def somebody_waits(tx: Transaction) -> bool:
    return bool(await tx._session.scalar(text(_WAITING)))  # type: ignore[attr-defined]  # ours, in PostgreSQL


@pytest.mark.req("ST85")
class TestOpening:
    async def test_waits_for_whoever_writes_what_drives_the_calendar(self, office: Office) -> None:
        async with office.world.store.transaction(office.world.tenant.id) as tx:
            await check_rest(tx, [ZONE])
            opening = asyncio.create_task(office.move(GateVerb.OPEN, "2026-01"))
            async with asyncio.timeout(30):
                while not await somebody_waits(tx):
                    assert not opening.done()
                    await asyncio.sleep(0.02)
        assert set((await opening).gates)
        with pytest.raises(CalendarBegun):
            async with office.world.store.transaction(office.world.tenant.id) as tx:
                await check_rest(tx, [ZONE])

    async def test_that_came_first_is_seen_by_whoever_waited_for_it(self, office: Office) -> None:
        store, tenant = office.world.store, office.world.tenant.id

        async def written() -> None:
            async with store.transaction(tenant) as tx:
                await check_rest(tx, [ZONE])

        async with store.transaction(tenant) as tx:
            await office.begin(tx, "2026-01")
            writing = asyncio.create_task(written())
            async with asyncio.timeout(30):
                while not await somebody_waits(tx):
                    assert not writing.done()
                    await asyncio.sleep(0.02)
        with pytest.raises(CalendarBegun):
            await writing
