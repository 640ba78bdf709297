"""Raw SQL, as the product's own login and as the owner of the tables."""

from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio

from adapters.embedded.stack import Stack


@pytest_asyncio.fixture
async def line(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the product's login, with no tenant bound."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def owner(stack: Stack, database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection that has become the owner of the tables."""
    connection = await asyncpg.connect(stack.endpoints.database_superuser_url)
    await connection.execute("SET ROLE changegate_owner")
    yield connection
    await connection.close()
