"""What the table of batches holds by itself, whoever writes SQL."""

import asyncpg
import pytest
import pytest_asyncio

from adapters.postgres.store import PostgresStore
from application.commands.batches import send_batch
from application.commands.moves import moved
from domain.commands.batches import BatchWish
from domain.errors import Stale
from tests.contract.homes import Home, moved_in
from tests.contract.ordering import catalogued, journal
from tests.contract.yard import Yard

WRONG = {
    "counts": "UPDATE command_batch SET completed = 3 WHERE tenant_id = $1",
    "the end": "UPDATE command_batch SET ended_at = now() WHERE tenant_id = $1",
    "a callback": "UPDATE command_batch SET called_back = true WHERE tenant_id = $1",
    "nothing less": "UPDATE command_batch SET completed = -1 WHERE tenant_id = $1",
    "its end alone": "UPDATE command_batch SET completed = 2 WHERE tenant_id = $1",
}


@pytest_asyncio.fixture
async def home(store: PostgresStore) -> Home:
    home = await catalogued(await moved_in(store))
    async with home.transaction() as tx:
        await send_batch(tx, BatchWish("b1", (journal("1"), journal("2"))), home.ada.actor)
    return home


@pytest.mark.req("CB-48")
class TestBatch:
    @pytest.mark.parametrize("wrong", WRONG)
    async def test_says_what_is_true_of_it(self, home: Home, superuser: asyncpg.Connection, wrong: str) -> None:
        with pytest.raises(asyncpg.CheckViolationError):
            await superuser.execute(WRONG[wrong], home.tenant.id)

    async def test_that_is_over_stays_so(self, home: Home, superuser: asyncpg.Connection) -> None:
        await Yard(home).ends("completed", "failed")
        with pytest.raises(asyncpg.CheckViolationError, match="what is over stays so"):
            await superuser.execute("UPDATE command_batch SET called_back = false WHERE tenant_id = $1", home.tenant.id)

    async def test_is_counted_from_the_version_that_was_seen(self, home: Home) -> None:
        async with home.transaction() as tx:
            before = await tx.commands.batches.hold("b1")
            await tx.commands.batches.save(before)
            with pytest.raises(Stale):
                await tx.commands.batches.save(before)

    async def test_is_counted_once_for_all_that_end_together(self, home: Home, superuser: asyncpg.Connection) -> None:
        async with home.transaction() as tx:
            leased = await tx.commands.lease("ledger", 2, tx.now, home.tenant.id)
            begun = await moved(tx, [each.started() for each in leased])
            await moved(tx, [each.completed(None, tx.now) for each in begun])
        query = "SELECT completed, version FROM command_batch WHERE tenant_id = $1"
        assert [tuple(row) for row in await superuser.fetch(query, home.tenant.id)] == [(2, 2)]

    async def test_is_nobody_elses(self, home: Home, store: PostgresStore) -> None:
        other = await moved_in(store)
        async with other.transaction() as tx:
            assert (await tx.commands.batches.get("b1"), await tx.commands.batches.page(None, 9)) == (None, [])
