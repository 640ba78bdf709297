"""A period is not closed beneath a command that posts in it: one of the two waits for the other."""

import asyncio
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from adapters.postgres.store import PostgresStore
from domain.commands import ParkedKind
from domain.periods import Status
from tests.api.conftest import eventually
from tests.contract.books import kept
from tests.contract.homes import moved_in
from tests.contract.payables import Office, opened

WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


@pytest_asyncio.fixture
async def office(store: PostgresStore) -> Office:
    return await opened(await kept(await moved_in(store)))


@pytest.fixture
def somebody_waits(owner: asyncpg.Connection) -> Any:
    return lambda: owner.fetchval(WAITING)


async def status(office: Office) -> Status:
    key = office.books.key()
    async with office.books.home.transaction() as tx:
        held = await tx.periods.hold([key])
    found: Status = held[key].status
    return found


@pytest.mark.req("CB-50")
class TestCloseMeanwhile:
    async def test_waits_until_what_was_begun_is_posted(self, office: Office, somebody_waits: Any) -> None:
        closing: list[asyncio.Task[None]] = []

        async def close() -> None:
            closing.append(asyncio.create_task(office.close()))
            await eventually(somebody_waits)

        office.payables.meanwhile = close
        await office.pay("1")
        assert await office.execute() == {"completed": 1}
        await closing[0]
        assert await status(office) is Status.CLOSED

    async def test_is_waited_for_by_what_begins_later(self, office: Office, somebody_waits: Any) -> None:
        await office.pay("1")
        async with office.books.home.transaction() as tx:
            key = office.books.key()
            held = await tx.periods.hold([key])
            executing = asyncio.create_task(office.execute())
            await eventually(somebody_waits)
            await tx.periods.move([office.closed(held[key])])
        assert await executing == {"parked": 1}
        assert (await office.stand("1")).parked is ParkedKind.PERIOD_CLOSED
