"""One webhook, whoever owns it, and the workers that call it on loopback."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.crypto import EnvelopeSealer
from adapters.crypto.files import FileKeyRing
from adapters.egress.client import EgressClient
from adapters.notify.events import SignedPosts
from application.commands.handling import Handlers
from application.events.cases import relay
from application.events.delivery import EventDelivery
from application.events.relay import Relay
from domain.events import DELIVER_EVENT
from tests.own import Hand
from tests.receiving import Receiver, receiving

WHY = {"reason": "because of the test"}


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


def hand(store: Any, data_folder: Any, egress: EgressClient) -> Hand:
    """What a worker does with the commands that carry events."""
    sealer = EnvelopeSealer(FileKeyRing(data_folder / "ring"))
    return Hand(store, Handlers(EventDelivery(store, sealer, SignedPosts(egress), Counter())), DELIVER_EVENT)


@pytest_asyncio.fixture
async def hands(store: Any, data_folder: Any) -> AsyncIterator[list[Hand]]:
    """Two workers, on loopback."""
    async with EgressClient(allow_loopback=True, total_seconds=5) as egress:
        yield [hand(store, data_folder, egress) for _ in range(2)]


class Desk:
    """What ada does with one webhook, and what the workers do meanwhile."""

    def __init__(self, ask: Any, engine: AsyncEngine, house: Any, hands: list[Hand], relay: Relay) -> None:
        self.ask, self.engine, self.house, self.hands, self.relay = ask, engine, house, hands, relay
        self.id = ""
        self.secret = ""

    async def subscribe(self, url: str, **wants: Any) -> None:
        answer = await self.ask("ada", "POST", "/webhooks", json={"url": url, **WHY, **wants})
        assert answer.status_code == 201, answer.text
        self.id, self.secret = answer.json()["id"], answer.json()["secret"]

    async def define(self, key: str) -> None:
        wish = {"definition": {"key": key, "type": "integer"}, **WHY}
        assert (await self.ask("ada", "POST", "/setting-definitions", json=wish)).status_code == 201

    async def round(self) -> None:
        """What is committed is told, and both workers look at once."""
        await self.relay.publisher.publish(self.house.id)
        await self.relay.round()
        await asyncio.gather(*(each.work(self.house.id) for each in self.hands))

    async def deliveries(self, **query: Any) -> list[dict[str, Any]]:
        answer = await self.ask("ada", "GET", f"/webhooks/{self.id}/deliveries", params=query)
        found: list[dict[str, Any]] = answer.json()["items"]
        return found

    async def webhook(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.ask("ada", "GET", f"/webhooks/{self.id}")).json()
        return found

    async def in_time(self, what: str) -> None:
        """As if time had passed."""
        async with self.engine.begin() as connection:
            await connection.execute(text("SELECT set_config('app.tenant_id', :id, true)"), {"id": str(self.house.id)})
            await connection.execute(text(what))

    async def fail(self, times: int) -> None:
        """Once more each time, after its pause and after the rest of its breaker."""
        for _ in range(times):
            await self.in_time(
                "UPDATE command SET due_at = now(), rank = now() - interval '5 minutes' WHERE state = 'retry-wait'"
            )
            await self.in_time("UPDATE command_breaker SET held_until = now() WHERE held_until IS NOT NULL")
            await self.round()


@pytest.fixture
def desk(ask: Any, engine: AsyncEngine, house: Any, hands: list[Hand], store: Any) -> Desk:
    return Desk(ask, engine, house, hands, relay(store, 7))
