"""Whatever keeps settings for all processes keeps what was read last, and never tells it of another place."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from adapters.cache.settings import ValkeySettings
from adapters.embedded.stack import Stack
from adapters.memory.cache import MemorySettingCache
from application.ports.cache import SettingCache
from domain.environments import Environment

DEV, QA = Environment.DEV, Environment.QA
SECRET = b"known to all processes"


@pytest_asyncio.fixture(params=["memory", "valkey"])
async def cache(request: pytest.FixtureRequest, stack: Stack) -> AsyncIterator[SettingCache]:
    if request.param == "memory":
        yield MemorySettingCache()
        return
    assert stack.endpoints.valkey_url is not None
    valkey = ValkeySettings(stack.endpoints.valkey_url, SECRET, patience=30)
    yield valkey
    await valkey.aclose()


@pytest_asyncio.fixture
async def raw(stack: Stack) -> AsyncIterator[Redis]:
    assert stack.endpoints.valkey_url is not None
    redis = Redis.from_url(stack.endpoints.valkey_url)
    yield redis
    await redis.aclose()


@pytest_asyncio.fixture
async def valkey(stack: Stack) -> AsyncIterator[ValkeySettings]:
    assert stack.endpoints.valkey_url is not None
    valkey = ValkeySettings(stack.endpoints.valkey_url, SECRET, timedelta(seconds=90), patience=30)
    yield valkey
    await valkey.aclose()


class TestSettingCache:
    async def test_what_was_put_is_found_again(self, cache: SettingCache) -> None:
        tenant = uuid4()
        assert await cache.put(tenant, DEV, 7, {"a": b"1", "b": b"2", "": b"head"})
        assert await cache.get(tenant, DEV, ["a", "b", "c", ""]) == {"a": b"1", "b": b"2", "": b"head"}

    @pytest.mark.req("ST84")
    async def test_another_place_or_tenant_is_a_miss(self, cache: SettingCache) -> None:
        tenant = uuid4()
        await cache.put(tenant, DEV, 7, {"a": b"1"})
        assert (await cache.get(tenant, QA, ["a"]), await cache.get(uuid4(), DEV, ["a"])) == ({}, {})

    @pytest.mark.req("FR-CFG-009")
    async def test_what_was_read_sooner_is_not_put_over_what_was_read_later(self, cache: SettingCache) -> None:
        tenant = uuid4()
        await cache.put(tenant, DEV, 10, {"a": b"later"})
        await cache.put(tenant, DEV, 9, {"a": b"sooner", "b": b"sooner"})
        assert await cache.get(tenant, DEV, ["a", "b"]) == {"a": b"later", "b": b"sooner"}
        await cache.put(tenant, DEV, 11, {"a": b"latest"})
        assert await cache.get(tenant, DEV, ["a"]) == {"a": b"latest"}

    async def test_one_has_the_turn_to_fill_a_place(self, cache: SettingCache) -> None:
        tenant = uuid4()
        assert [await cache.turn(tenant, each) for each in (DEV, DEV, QA)] == [True, False, True]

    async def test_places_come_back_with_the_latest_first(self, cache: SettingCache) -> None:
        one, other = (uuid4(), DEV), (uuid4(), QA)
        for place in (one, other, one):
            await cache.asked(*place)
        assert await cache.places(2) == [one, other]


class TestValkey:
    async def test_a_key_says_what_it_is_of_and_for_how_long(self, valkey: ValkeySettings, raw: Redis) -> None:
        tenant = uuid4()
        await valkey.put(tenant, DEV, 1, {"billing.limit": b"1"})
        assert 0 < await raw.ttl(f"config:{tenant}:dev:billing.limit") <= 90

    async def test_what_was_damaged_forged_or_moved_is_a_miss(self, valkey: ValkeySettings, raw: Redis) -> None:
        tenant, other = uuid4(), uuid4()
        await valkey.put(tenant, DEV, 1, {"a": b"content"})
        kept = await raw.get(f"config:{tenant}:dev:a")
        assert isinstance(kept, bytes)
        forged = {
            "damaged": kept[:-1] + b"!",
            "later": f"{2:020}".encode() + kept[20:],
            "short": kept[:30],
            "empty": b"",
            "moved": kept,
        }
        for name, value in forged.items():
            await raw.set(f"config:{tenant}:dev:{name}", value)
        await raw.set(f"config:{other}:dev:a", kept)
        assert await valkey.get(tenant, DEV, list(forged)) == {}
        assert await valkey.get(other, DEV, ["a"]) == {}

    async def test_who_does_not_know_the_secret_cannot_write(self, stack: Stack, valkey: ValkeySettings) -> None:
        stranger, tenant = ValkeySettings(stack.endpoints.valkey_url or "", b"guessed"), uuid4()
        await stranger.put(tenant, DEV, 1, {"a": b"content"})
        assert await valkey.get(tenant, DEV, ["a"]) == {}
        await stranger.aclose()

    async def test_many_who_ask_at_once_wait_for_each_other(self, valkey: ValkeySettings) -> None:
        tenant = uuid4()
        await valkey.put(tenant, DEV, 1, {"a": b"1"})
        told = await asyncio.gather(*(valkey.get(tenant, DEV, ["a"]) for _ in range(100)))
        assert told == [{"a": b"1"}] * 100

    async def test_one_that_is_away_is_a_miss_and_no_error(self) -> None:
        away, tenant = ValkeySettings("redis://127.0.0.1:1", SECRET), UUID(int=0)
        assert not await away.put(tenant, DEV, 1, {"a": b"1"})
        assert await away.get(tenant, DEV, ["a"]) == {}
        await away.asked(tenant, DEV)
        assert (await away.turn(tenant, DEV), await away.places(9)) == (False, [])
        await away.aclose()
