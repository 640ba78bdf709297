"""A real worker tells two webhooks, one of which does not answer for a while, and operators see it in the API."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from adapters.embedded.stack import Stack
from adapters.settings import Settings
from bootstrap import parts
from domain.events import DELIVER_EVENT
from tests.api.desk import WHY, Desk
from tests.receiving import Receiver, receiving
from worker import run

MOST = 12
"""Events: more than are called before the breaker opens and beside the last of these."""


@pytest_asyncio.fixture
async def worker(stack: Stack, database_url: str, data_folder: Path) -> AsyncIterator[None]:
    """All that a worker does, with the keys of the API."""
    found = {
        "database_url": database_url,
        "temporal_address": stack.endpoints.temporal_address,
        "keys": data_folder,
        "embedded_issuer": True,
    }
    stop = asyncio.Event()
    async with parts(Settings.model_validate(found)) as made:
        working = asyncio.create_task(run(made, stop))
        yield
        stop.set()
        await working


class Operator:
    """What olu sees of one webhook."""

    def __init__(self, desk: Desk, webhook: str) -> None:
        self._ask, self.webhook, self.name = desk.ask, webhook, f"webhook:{webhook}"

    async def breaker(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self._ask("olu", "GET", f"/command-breakers/{self.name}")).json()
        return found

    async def troubled(self) -> set[str]:
        listed = (await self._ask("olu", "GET", "/command-breakers")).json()["items"]
        return {each["dependency"] for each in listed if each["dependency"].startswith("webhook:")}

    async def commands(self) -> list[dict[str, Any]]:
        page = await self._ask("olu", "GET", "/commands", params={"type": DELIVER_EVENT, "limit": 100})
        return [each for each in page.json()["items"] if each["dependency"] == self.name]

    async def states(self) -> Counter[str]:
        return Counter(each["state"] for each in await self.commands())


@pytest.mark.req("FR-SM-001", "CB-38", "CB-58")
async def test_one_that_fails_is_left_alone_and_told_everything_once_it_answers(
    desk: Desk, receiver: Receiver, worker: None, ask: Any, eventually: Callable[..., Any]
) -> None:
    receiver.status = 500
    await desk.subscribe(receiver.url)
    failing = Operator(desk, desk.id)
    async with receiving() as other:
        subscribed = await ask("ada", "POST", "/webhooks", json={"url": other.url, **WHY})
        well = Operator(desk, subscribed.json()["id"])
        for _ in range(MOST):
            await desk.define(f"k{uuid4().hex[:12]}")

        async def rests() -> bool:
            """And what was called beside the failure that opened it is written down."""
            failed = [each for each in await desk.deliveries() if each["last_error"] == "status-500"]
            return (await failing.breaker())["state"] == "open" and len(failed) == len(receiver.taken)

        async def well_told() -> bool:
            return await well.states() == {"completed": MOST}

        await eventually(rests)
        await eventually(well_told)
        assert (await failing.breaker())["types"] == [DELIVER_EVENT]
        assert await failing.troubled() == {failing.name}
        states = await failing.states()
        assert set(states) == {"pending", "retry-wait"}
        assert {each["attempt"] for each in await failing.commands() if each["state"] == "pending"} == {0}

    receiver.status = 200
    await desk.in_time("UPDATE command SET due_at = now(), rank = now() WHERE state = 'retry-wait'")
    await desk.in_time("UPDATE command_breaker SET held_until = now() WHERE held_until IS NOT NULL")

    async def all_told() -> bool:
        return await failing.states() == {"completed": MOST}

    await eventually(all_told)
    deliveries = await desk.deliveries()
    assert {each["state"] for each in deliveries} == {"delivered"}
    assert sorted(receiver.accepted) == sorted(each["event"] for each in deliveries)
    assert sorted(other.accepted) == sorted(receiver.accepted)
    assert (await failing.breaker())["state"] == "closed"
    assert await failing.troubled() == set()
