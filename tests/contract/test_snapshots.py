"""Whatever keeps flag sets for all processes keeps them whole or not at all."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from adapters.cache.valkey import ValkeySnapshots
from adapters.embedded.stack import Stack
from adapters.memory.cache import MemorySnapshots, NoSnapshots
from application.ports.cache import SnapshotCache
from domain.environments import Environment

DEV = Environment.DEV


@pytest_asyncio.fixture(params=["memory", "valkey"])
async def cache(request: pytest.FixtureRequest, stack: Stack) -> AsyncIterator[SnapshotCache]:
    if request.param == "memory":
        yield MemorySnapshots()
        return
    assert stack.endpoints.valkey_url is not None
    valkey = ValkeySnapshots(stack.endpoints.valkey_url)
    yield valkey
    await valkey.aclose()


class TestSnapshots:
    async def test_what_was_put_is_found_again(self, cache: SnapshotCache) -> None:
        tenant = uuid4()
        await cache.put(tenant, DEV, 7, b"flags")
        assert await cache.get(tenant, DEV, 7) == b"flags"

    async def test_another_revision_place_or_tenant_is_a_miss(self, cache: SnapshotCache) -> None:
        tenant = uuid4()
        await cache.put(tenant, DEV, 7, b"flags")
        assert await cache.get(tenant, DEV, 8) is None
        assert await cache.get(tenant, Environment.QA, 7) is None
        assert await cache.get(uuid4(), DEV, 7) is None


class TestValkey:
    async def test_damaged_content_is_a_miss(self, stack: Stack) -> None:
        assert stack.endpoints.valkey_url is not None
        valkey, tenant = ValkeySnapshots(stack.endpoints.valkey_url), uuid4()
        await valkey.put(tenant, DEV, 1, b"flags")
        raw = Redis.from_url(stack.endpoints.valkey_url)
        key = f"changegate:flags:{tenant}:dev:1"
        kept = await raw.get(key)
        assert isinstance(kept, bytes)
        await raw.set(key, kept[:-1] + b"!")
        assert await valkey.get(tenant, DEV, 1) is None
        await raw.aclose()
        await valkey.aclose()

    async def test_a_cache_that_is_away_is_a_miss_and_no_error(self) -> None:
        away = ValkeySnapshots("redis://127.0.0.1:1")
        await away.put(UUID(int=0), DEV, 1, b"flags")
        assert await away.get(UUID(int=0), DEV, 1) is None
        await away.aclose()


class TestNothing:
    async def test_nothing_is_kept(self) -> None:
        nowhere = NoSnapshots()
        await nowhere.put(UUID(int=0), DEV, 1, b"flags")
        assert await nowhere.get(UUID(int=0), DEV, 1) is None
