import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from adapters.memory.secrets import MemorySealer
from adapters.memory.store import MemoryStore
from application.events.delivery import EventDelivery
from application.events.publishing import Publisher
from application.events.relay import Relay
from application.events.webhooks import MOST_WEBHOOKS, TooManyWebhooks, Webhooks
from application.faring import Fared, Sent
from application.ports.events import NotDelivered
from application.ports.secrets import Secret
from application.settings.definitions import SettingDefinitions
from domain.changes import NothingChanges
from domain.errors import Missing, Stale, Unavailable
from domain.events import DeliveryState, Wants
from tests.world import Clock, World, world_in

WHY = "because of the test"
WANTS = Wants("https://receiver.example/x")
KEEP = timedelta(days=7)


class Post:
    """Takes what is posted, or fails as the test says."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, UUID, str]] = []
        self.failure: Exception | None = None

    async def post(self, url: str, message: UUID, body: bytes, secret: Secret) -> None:
        assert body.startswith(b"{")
        self.posted.append((url, message, secret.reveal()))
        if self.failure is not None:
            raise self.failure


class Office:
    """One world, its webhooks and one relay."""

    def __init__(self, world: World) -> None:
        self.world, self.post, self.sealer = world, Post(), MemorySealer()
        self.store: Any = world.store
        self.webhooks = Webhooks(world.store, self.sealer)
        delivery = EventDelivery(world.store, self.sealer, self.post)
        self.relay = Relay(world.store, Publisher(world.store), delivery, keep=KEEP, pause=0.01)

    async def define(self, key: str = "limit") -> None:
        definition = {"key": key, "type": "integer"}
        await SettingDefinitions(self.world.store).create(self.world.ada, definition, WHY)
        self.world.clock += timedelta(seconds=1)

    async def round(self) -> None:
        await self.relay.round()
        await self.relay.round()
        await self.relay.settled()

    async def states(self, webhook: UUID) -> list[DeliveryState]:
        return [each.state for each in await self.webhooks.deliveries(self.world.ada, webhook, None, None, 99)]


@pytest_asyncio.fixture
async def office() -> Office:
    clock = Clock()
    return Office(await world_in(MemoryStore(clock), clock))


class TestWebhooks:
    async def test_of_a_repeated_request_are_one_and_its_secret_is_not_told_again(self, office: Office) -> None:
        asked = replace(office.world.ada, request=uuid4())
        first = await office.webhooks.subscribe(asked, WANTS, WHY)
        again = await office.webhooks.subscribe(asked, WANTS, WHY)
        assert first.secret is not None
        assert (again.subscription, again.secret) == (first.subscription, None)

    async def test_have_a_bound(self, office: Office) -> None:
        for _ in range(MOST_WEBHOOKS):
            await office.webhooks.subscribe(office.world.ada, WANTS, WHY)
        with pytest.raises(TooManyWebhooks):
            await office.webhooks.subscribe(office.world.ada, WANTS, WHY)

    async def test_are_replaced_only_by_something_else_at_the_version_that_was_seen(self, office: Office) -> None:
        ada = office.world.ada
        webhook = (await office.webhooks.subscribe(ada, WANTS, WHY)).subscription.id
        with pytest.raises(NothingChanges):
            await office.webhooks.replace(ada, webhook, WANTS, expected=1, reason=WHY)
        with pytest.raises(Stale):
            await office.webhooks.remove(ada, webhook, expected=2, reason=WHY)
        with pytest.raises(Missing):
            await office.webhooks.redeliver(ada, webhook, uuid4(), WHY)


class TestDelivery:
    async def test_opens_the_secret_that_was_shown(self, office: Office) -> None:
        subscribed = await office.webhooks.subscribe(office.world.ada, WANTS, WHY)
        await office.define()
        await office.round()
        assert subscribed.secret is not None
        assert [(url, secret) for url, _, secret in office.post.posted] == [(WANTS.url, subscribed.secret.reveal())]

    async def test_waits_while_the_keys_are_away(self, office: Office) -> None:
        webhook = (await office.webhooks.subscribe(office.world.ada, WANTS, WHY)).subscription.id
        await office.define()
        async with office.store.transaction(office.world.tenant.id) as tx:
            found = await tx.webhooks.get(webhook)
            await tx.webhooks.save(replace(found, sealed=found.sealed[:-2] + "AA"))
        await office.round()
        assert office.post.posted == []
        assert await office.states(webhook) == [DeliveryState.DUE]

    async def test_of_a_removed_webhook_is_nobodys(self, office: Office) -> None:
        webhook = (await office.webhooks.subscribe(office.world.ada, WANTS, WHY)).subscription.id
        await office.define()
        await Publisher(office.store).publish(office.world.tenant.id)
        (delivery,) = await office.webhooks.deliveries(office.world.ada, webhook, None, None, 9)
        await office.webhooks.remove(office.world.ada, webhook, expected=1, reason=WHY)
        assert not await EventDelivery(office.store, office.sealer, office.post).deliver(
            office.world.tenant.id, delivery.id
        )

    async def test_that_ends_after_its_lease_changes_nothing(self, office: Office) -> None:
        webhook = (await office.webhooks.subscribe(office.world.ada, WANTS, WHY)).subscription.id
        await office.define()
        await Publisher(office.store).publish(office.world.tenant.id)
        (delivery,) = await office.webhooks.deliveries(office.world.ada, webhook, None, None, 9)
        inner, outer = EventDelivery(office.store, office.sealer, Post()), office.post

        class Slow(Post):
            async def post(self, url: str, message: UUID, body: bytes, secret: Secret) -> None:
                office.world.clock += timedelta(minutes=2)
                assert await inner.deliver(office.world.tenant.id, delivery.id)
                await outer.post(url, message, body, secret)
                raise NotDelivered(reason="timeout")

        slow = EventDelivery(office.store, office.sealer, Slow())
        assert not await slow.deliver(office.world.tenant.id, delivery.id)
        assert await office.states(webhook) == [DeliveryState.DELIVERED]

    async def test_is_counted_by_how_it_fared(self, office: Office) -> None:
        await office.webhooks.subscribe(office.world.ada, WANTS, WHY)
        await office.define("a")
        office.post.failure = NotDelivered(reason="status-503")
        await office.round()
        assert office.relay.sent == {Sent("event", Fared.RETRIED): 1}
        office.post.failure = None
        office.world.clock += timedelta(hours=1)
        await office.round()
        assert office.relay.sent[Sent("event", Fared.DELIVERED)] == 1
        await office.define("b")
        office.post.failure = NotDelivered(reason="status-410", gone=True)
        await office.round()
        assert office.relay.sent[Sent("event", Fared.GIVEN_UP)] == 1


class TestRelay:
    async def test_outlives_an_outage_and_whatever_a_delivery_does(self, office: Office) -> None:
        webhook = (await office.webhooks.subscribe(office.world.ada, WANTS, WHY)).subscription.id
        await office.define()
        office.post.failure = RuntimeError("a defect")
        running = asyncio.create_task(office.relay.run())
        await self._until(lambda: len(office.post.posted) == 1)
        office.post.failure = Unavailable()
        office.world.clock += timedelta(minutes=2)
        await self._until(lambda: len(office.post.posted) == 2)
        office.store.down = True
        await asyncio.sleep(0.05)
        office.store.down = False
        office.post.failure = None
        office.world.clock += timedelta(minutes=2)
        await self._until(lambda: len(office.post.posted) == 3)
        await office.relay.settled()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert await office.states(webhook) == [DeliveryState.DELIVERED]

    async def test_forgets_what_is_old(self, office: Office) -> None:
        await office.define()
        await office.round()
        office.world.clock += timedelta(days=8)
        await office.round()
        async with office.store.transaction(office.world.tenant.id) as tx:
            assert await tx.events.after(0, 9) == []
            assert (await tx.events.line()).forgotten == 1

    async def test_calls_one_webhook_a_few_times_at_once(self, office: Office) -> None:
        await office.webhooks.subscribe(office.world.ada, WANTS, WHY)
        for number in range(9):
            await office.define(f"key{number}")
        await office.round()
        assert len(office.post.posted) == 4
        await office.round()
        assert len(office.post.posted) == 8

    async def _until(self, holds: Any) -> None:
        async with asyncio.timeout(60):
            while not holds():  # noqa: ASYNC110 -- what is waited for sets no event
                await asyncio.sleep(0.01)


class TestPublisher:
    async def test_goes_on_after_what_it_could_not_tell(self, office: Office) -> None:
        heard: asyncio.Queue[Any] = asyncio.Queue()

        class Word:
            alive, line = True, 1

            async def listen(self) -> Any:
                while True:
                    yield await heard.get()

        publisher = Publisher(office.store)
        following = asyncio.create_task(publisher.follow(Word()))
        await office.define("a")
        office.store.down = True
        heard.put_nowait((office.world.tenant.id, None))
        await asyncio.sleep(0.05)
        office.store.down = False
        heard.put_nowait(None)
        heard.put_nowait((office.world.tenant.id, None))
        async with asyncio.timeout(60):
            while True:
                async with office.store.transaction(office.world.tenant.id) as tx:
                    if (await tx.events.line()).position == 1:
                        break
                await asyncio.sleep(0.01)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
