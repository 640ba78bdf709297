"""Clients that watch over a real server, by long poll and by stream."""

import contextlib
import secrets
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest_asyncio

from adapters.postgres.store import PostgresStore
from application.tenants import Tenants
from domain.people import Actor, Role

WHY = {"reason": "because of the test"}


class Watcher:
    """A client that goes on from where it was."""

    def __init__(self, client: httpx2.AsyncClient, **scene: Any) -> None:
        self.client = client
        self.scene = scene
        self.cursor: str | None = None

    async def look(self, wait: int = 20) -> dict[str, Any]:
        query = {**self.scene, "wait": wait, **({"cursor": self.cursor} if self.cursor else {})}
        answer = await self.client.get("/api/v1/watch", params=query)
        assert answer.status_code == 200, answer.text
        seen: dict[str, Any] = answer.json()
        self.cursor = seen["cursor"]
        return seen

    async def events(self, count: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while len(found) < count:
            seen = await self.look()
            assert seen["events"], "it waited in vain"
            found += seen["events"]
        return found


@pytest_asyncio.fixture
async def onlooker(world: Any, house: Any, address: str) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=address, headers=world.headers(house, "eve"), timeout=60) as client:
        yield client


@pytest_asyncio.fixture
async def watcher(onlooker: httpx2.AsyncClient) -> Watcher:
    watcher = Watcher(onlooker, environment="dev")
    seen = await watcher.look()
    assert (seen["events"], seen["resync"]) == ([], False)
    return watcher


@pytest_asyncio.fixture
async def neighbour(store: PostgresStore) -> Actor:
    """Somebody of another tenant."""
    tenants = Tenants(store)
    tenant = await tenants.admit_tenant(f"t-{secrets.token_hex(6)}", "Next door")
    return (await tenants.admit_principal(tenant, "ned", frozenset({Role.CONFIG_MANAGER}), issuer="next-door")).actor


@contextlib.asynccontextmanager
async def streaming(client: httpx2.AsyncClient, **query: Any) -> AsyncIterator[AsyncIterator[dict[str, str]]]:
    headers = {"Accept": "text/event-stream", **query.pop("headers", {})}
    async with client.stream("GET", "/api/v1/watch", params=query, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield blocks(answer)


async def blocks(answer: httpx2.Response) -> AsyncIterator[dict[str, str]]:
    block: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line:
            name, _, value = line.partition(":")
            block[name] = value.strip()
        else:
            yield block
            block = {}


async def told(stream: AsyncIterator[dict[str, str]], count: int) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    async for block in stream:
        found += [block] if "event" in block else []
        if len(found) == count:
            break
    return found
