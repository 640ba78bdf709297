"""Each claim about stores is asked of the one in memory and of the one in PostgreSQL."""

import pytest
import pytest_asyncio

from adapters.memory.store import MemoryStore
from adapters.postgres.store import PostgresStore
from tests.contract.homes import Home, moved_in
from tests.node import node_home  # noqa: F401 -- fixtures are found by their name


@pytest_asyncio.fixture(params=["memory", "postgres"])
async def home(request: pytest.FixtureRequest, store: PostgresStore) -> Home:
    return await moved_in(MemoryStore() if request.param == "memory" else store)
