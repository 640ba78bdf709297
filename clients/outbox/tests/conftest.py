"""One real PostgreSQL and one real Temporal serve all tests; each has a table and queues of its own."""

import secrets
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from relaying import Post
from sqlalchemy.ext.asyncio import create_async_engine
from temporal_outbox.table import Outbox
from temporalio.client import Client

from adapters.embedded.stack import Options, Stack


@pytest_asyncio.fixture(scope="session")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Started as the product of this repository starts its own; nothing here outlives the run."""
    async with Stack(tmp_path_factory.mktemp("outbox"), Options(durable=False, valkey=False)) as running:
        yield running


@pytest_asyncio.fixture
async def post(servers: Stack) -> AsyncIterator[Post]:
    url = servers.endpoints.database_superuser_url.replace("postgresql://", "postgresql+asyncpg://")
    engine = create_async_engine(url)
    outbox = Outbox(f"outbox_{secrets.token_hex(4)}")
    async with engine.begin() as connection:
        await connection.run_sync(outbox.create)
    client = await Client.connect(servers.endpoints.temporal_address)
    yield Post(engine, client, outbox, f"queue-{secrets.token_hex(4)}", url, servers.endpoints.temporal_address)
    async with engine.begin() as connection:
        await connection.exec_driver_sql(f"DROP TABLE {outbox.table}, {outbox.table}_listener")
    await engine.dispose()
