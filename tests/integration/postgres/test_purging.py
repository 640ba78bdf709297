"""The database takes no old command away but by its functions, and lets nobody send one again that is being purged."""

import asyncio
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from changegate import Conflict
from changegate.bus import Command as Asked
from changegate.bus import send_async
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.errors import Contended
from adapters.postgres.store import PostgresStore
from tests.contract.aged import DAYS, Old
from tests.contract.homes import moved_in
from tests.contract.ordering import POST, catalogued, journal


@pytest_asyncio.fixture
async def old(store: PostgresStore) -> Old:
    return Old(await catalogued(await moved_in(store)))


@pytest.mark.req("CB-08")
async def test_whoever_sends_what_is_being_purged_tries_again(old: Old, stack: Any) -> None:
    await old.ended(journal(), 31)
    owner = await asyncpg.connect(stack.endpoints.database_superuser_url)
    try:
        async with old.home.transaction() as tx:
            assert len(await tx.commands.purged.purge([("ledger", "42")], DAYS)) == 1
            sending = asyncio.create_task(old.send(journal()))
            await waits(owner)
        with pytest.raises(Contended):
            await sending
    finally:
        await owner.close()
    again = await old.send(journal())
    assert (again.replayed, again.record.purged) == (True, True)
    assert await old.there("42") == []


@pytest.mark.req("CB-08")
async def test_workers_that_purge_at_once_purge_each_once(old: Old) -> None:
    for place in range(12):
        await old.ended(journal(str(place)), 31)
    assert sum(await asyncio.gather(*(old.purge() for _ in range(4)))) == 12
    assert sum(each["after"]["count"] for each in await old.told()) == 12


@pytest.mark.req("CB-08")
async def test_no_login_deletes_commands_itself(old: Old) -> None:
    await old.ended(journal(), 31)
    for statement in (
        "DELETE FROM command",
        "DELETE FROM command_purged",
        "UPDATE command_purged SET known_until = now()",
    ):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with old.home.transaction() as tx:
                await tx._session.execute(text(statement))


@pytest.mark.req("CB-08")
async def test_another_tenants_commands_are_not_purged(old: Old, store: PostgresStore) -> None:
    await old.ended(journal(), 31)
    stranger = await moved_in(store)
    async with stranger.transaction() as tx:
        assert await tx.commands.purged.purge([("ledger", "42")], DAYS) == []
    assert await old.there("42") == ["42"]


@pytest.mark.req("CB-08")
async def test_the_function_in_the_database_answers_by_what_remains(old: Old, engine: AsyncEngine) -> None:
    asked = Asked(POST, "42", {"entry": 7})
    whose = {"tenant": old.home.tenant.id, "actor": old.home.ada.id}
    await old.ended(journal(), 31)
    await old.purge()
    async with engine.begin() as connection:
        sent = await send_async(connection, asked, **whose)
        with pytest.raises(Conflict) as refused:
            await send_async(connection, Asked(POST, "42", {"entry": 8}), **whose)
        await send_async(connection, Asked(POST, "43", {"entry": 7}), **whose)
    assert (sent.replayed, sent.purged, sent.state, sent.result) == (True, True, "completed", None)
    assert (refused.value.facts["differs"], refused.value.facts["purged"]) == ([], True)
    assert await old.there("42", "43") == ["43"]


async def waits(owner: asyncpg.Connection) -> None:
    """Until somebody waits for the transaction that purges."""
    asked = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'transactionid' AND query LIKE 'INSERT INTO command%'"
    )
    while not await owner.fetchval(asked):  # noqa: ASYNC110 -- the database has no event for it
        await asyncio.sleep(0.01)
