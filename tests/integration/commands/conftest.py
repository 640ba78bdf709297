"""A module with a table of its own stands in the database of the tests."""

from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio

from adapters.embedded.stack import Stack
from adapters.memory.chunks import MemoryChunks
from adapters.postgres.store import PostgresStore
from tests.conftest import House
from tests.works import SCHEMA, Site


@pytest_asyncio.fixture
async def owner(stack: Stack, database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(stack.endpoints.database_superuser_url)
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def site(house: House, store: PostgresStore, owner: asyncpg.Connection) -> Site:
    await owner.execute(SCHEMA)
    return Site(house.id, store, owner)


@pytest_asyncio.fixture
async def chunks(site: Site) -> AsyncIterator[MemoryChunks]:
    made = MemoryChunks(site.executing.execute)
    yield made
    await made.stop()
