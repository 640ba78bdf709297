"""Raw SQL, as the product's own login and as the owner of the tables; and places where PostgreSQL speaks TLS."""

import ipaddress
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio
from cryptography import x509

from adapters.embedded.stack import Stack
from adapters.postgres.schema import create_login
from tests.authority import Authority, Identity
from tests.integration.postgres.encrypting import front
from tests.integration.postgres.places import LOGIN, PASSWORD, Place

LOOPBACK = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))


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


@pytest_asyncio.fixture
async def superuser(stack: Stack, database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(stack.endpoints.database_superuser_url)
    yield connection
    await connection.close()


@pytest.fixture(scope="module")
def server(ours: Authority) -> Identity:
    """It may serve as 127.0.0.1, and not as localhost, where it answers as well."""
    return ours.identity("postgres.example.com", LOOPBACK)


@pytest.fixture
async def behind(stack: Stack, database_url: str) -> str:
    owner = stack.endpoints.database_superuser_url
    await create_login(owner, LOGIN, PASSWORD)
    connection = await asyncpg.connect(owner)
    await connection.execute(f"ALTER ROLE {LOGIN} SUPERUSER")
    await connection.close()
    return urlsplit(owner).netloc.rpartition("@")[2]


@pytest.fixture
async def place(behind: str, server: Identity) -> AsyncIterator[Place]:
    """Whoever calls is let in."""
    async with front(behind, server) as opened:
        yield Place(opened)


@pytest.fixture
async def guarded(behind: str, server: Identity, ours: Authority) -> AsyncIterator[Place]:
    """Only whom our authority signed is let in."""
    async with front(behind, server, clients_of=ours.certificate) as opened:
        yield Place(opened)


@pytest.fixture
async def deaf(behind: str) -> AsyncIterator[Place]:
    """TLS is declined."""
    async with front(behind, None) as opened:
        yield Place(opened)
