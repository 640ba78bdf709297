"""The ledger of the examples stands in the database of the tests, with a login of its own."""

import secrets
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.embedded.stack import Stack
from adapters.postgres.store import PostgresStore
from examples.ledger.installing import admit, install
from examples.ledger.sessions import connect
from tests.conftest import House
from tests.integration.ledger.bookkeeping import Bookkeeping, kept

LOGIN = "ledger_service"


@pytest_asyncio.fixture(scope="session")
async def ledger_url(stack: Stack, database_url: str) -> str:
    owner = stack.endpoints.database_superuser_url
    await install(owner)
    password = secrets.token_urlsafe(16)
    await admit(owner, LOGIN, password)
    return f"postgresql://{LOGIN}:{password}@{urlsplit(owner).netloc.rpartition('@')[2]}/postgres"


@pytest_asyncio.fixture(scope="session")
async def ledger_engine(ledger_url: str) -> AsyncIterator[AsyncEngine]:
    engine = connect(ledger_url)
    yield engine
    await engine.dispose()


@pytest_asyncio.fixture
async def books(store: PostgresStore, house: House, ledger_engine: AsyncEngine) -> Bookkeeping:
    return await kept(store, house, ledger_engine)


@pytest_asyncio.fixture
async def writer(ledger_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Raw SQL, as the ledger's own login."""
    connection = await asyncpg.connect(ledger_url)
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def superuser(stack: Stack, ledger_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(stack.endpoints.database_superuser_url)
    yield connection
    await connection.close()
