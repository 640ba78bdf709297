import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from adapters.memory.secrets import MemorySealer
from adapters.memory.store import MemoryStore
from application.commands.acts import Wish, made
from application.commands.handling import Handlers
from application.events.delivery import EventDelivery
from application.events.publishing import Publisher
from application.events.relay import Relay
from application.events.webhooks import MOST_WEBHOOKS, StillUnderway, TooManyWebhooks, Webhooks
from application.faring import Fared, Sent
from application.ports.commands import CommandFilter
from application.ports.events import NotDelivered
from application.ports.secrets import Secret
from application.settings.definitions import SettingDefinitions
from domain.changes import NothingChanges
from domain.commands import CommandRecord, CommandState, ParkedKind
from domain.commands.operations import Act, Decision, Parked
from domain.errors import Missing, Stale
from domain.events import DELIVER_EVENT, MOST_ATTEMPTS, Delivery, DeliveryState, Wants
from tests.own import Hand
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
    """One world, its webhooks, one relay and one worker."""

    def __init__(self, world: World) -> None:
        self.world, self.post, self.sealer = world, Post(), MemorySealer()
        self.store: Any = world.store
        self.tenant = world.tenant.id
        self.fared: Counter[Sent] = Counter()
        self.webhooks = Webhooks(world.store, self.sealer)
        self.relay = Relay(world.store, Publisher(world.store), keep=KEEP, pause=0.01)
        delivery = EventDelivery(world.store, self.sealer, self.post, self.fared)
        self.hand = Hand(world.store, Handlers(delivery), DELIVER_EVENT)

    async def define(self, key: str = "limit") -> None:
        definition = {"key": key, "type": "integer"}
        await SettingDefinitions(self.world.store).create(self.world.ada, definition, WHY)
        self.world.clock += timedelta(seconds=1)

    async def subscribe(self) -> UUID:
        return (await self.webhooks.subscribe(self.world.ada, WANTS, WHY)).subscription.id

    async def round(self) -> None:
        await self.relay.round()
        await self.hand.work(self.tenant)

    async def fail(self, times: int) -> None:
        """Each time after the longest pause and the longest rest."""
        self.post.failure = self.post.failure or NotDelivered(reason="status-503")
        for _ in range(times):
            await self.round()
            self.world.clock += timedelta(hours=2)

    async def deliveries(self, webhook: UUID) -> list[Delivery]:
        return await self.webhooks.deliveries(self.world.ada, webhook, None, None, 99)

    async def states(self, webhook: UUID) -> list[DeliveryState]:
        return [each.state for each in await self.deliveries(webhook)]

    async def commands(self) -> list[CommandRecord]:
        async with self.store.transaction(self.tenant) as tx:
            found = await tx.commands.page(CommandFilter(type=DELIVER_EVENT), None, 99)
        return list(found)


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
    async def test_is_a_command_that_holds_ids_and_opens_the_secret_that_was_shown(self, office: Office) -> None:
        subscribed = await office.webhooks.subscribe(office.world.ada, WANTS, WHY)
        await office.define()
        await office.relay.round()
        (delivery,) = await office.deliveries(subscribed.subscription.id)
        (command,) = await office.commands()
        assert (command.key, command.sender) == (("changegate", str(delivery.id)), None)
        assert command.payload == {"delivery": str(delivery.id), "webhook": str(subscribed.subscription.id)}
        await office.round()
        assert subscribed.secret is not None
        assert [(url, secret) for url, _, secret in office.post.posted] == [(WANTS.url, subscribed.secret.reveal())]
        (command,) = await office.commands()
        assert (command.state, command.result) == (CommandState.COMPLETED, {"outcome": "delivered"})

    async def test_waits_while_the_keys_are_away(self, office: Office) -> None:
        webhook = await office.subscribe()
        await office.define()
        async with office.store.transaction(office.tenant) as tx:
            found = await tx.webhooks.get(webhook)
            await tx.webhooks.save(replace(found, sealed=found.sealed[:-2] + "AA"))
        await office.round()
        assert office.post.posted == []
        assert await office.states(webhook) == [DeliveryState.DUE]

    async def test_is_tried_as_often_as_its_type_says_and_then_waits_for_a_person(self, office: Office) -> None:
        webhook = await office.subscribe()
        await office.define()
        await office.fail(MOST_ATTEMPTS - 1)
        assert await office.states(webhook) == [DeliveryState.DUE]
        await office.fail(2)
        assert len(office.post.posted) == MOST_ATTEMPTS
        (dead,) = await office.deliveries(webhook)
        assert (dead.state, dead.attempts, dead.last_error) == (DeliveryState.DEAD, MOST_ATTEMPTS, "status-503")
        (command,) = await office.commands()
        assert (command.state, command.parked) == (CommandState.PARKED, ParkedKind.EXHAUSTED)

    @pytest.mark.parametrize(
        ("last", "repeated"), [(None, True), (Act.RETRY, None), (Act.CANCEL, False), (Act.COMPLETE, False)]
    )
    async def test_goes_where_a_person_sends_what_carries_it(
        self, office: Office, last: Act | None, *, repeated: bool | None
    ) -> None:
        """Whose command is parked is retried with it, and else it has a new one; a retry under way is not repeated."""
        webhook = await office.subscribe()
        await office.define()
        office.post.failure = NotDelivered(reason="status-410", gone=True)
        await office.round()
        (dead,) = await office.deliveries(webhook)
        assert dead.state is DeliveryState.DEAD
        await office.webhooks.replace(office.world.ada, webhook, WANTS, expected=2, reason=WHY)
        office.post.failure = None
        if last is not None:
            async with office.store.transaction(office.tenant) as tx:
                found = await tx.commands.get(("changegate", dead.command), lock=True)
                wish = Wish(uuid4(), Decision(last, WHY, evidence="sha256:" + "0" * 64), "digest")
                await made(tx, office.world.ada, Parked(found, tx.now), wish, None)
        moved: dict[Act | None, Any] = {Act.RETRY: DeliveryState.DUE, Act.COMPLETE: DeliveryState.DELIVERED}
        assert await office.states(webhook) == [moved.get(last, DeliveryState.DEAD)]
        if repeated is None:
            with pytest.raises(StillUnderway):
                await office.webhooks.redeliver(office.world.ada, webhook, dead.id, WHY)
        else:
            again = await office.webhooks.redeliver(office.world.ada, webhook, dead.id, WHY)
            assert (again.state, again.attempts) == (DeliveryState.DUE, 0)
            assert (again.command == dead.command) is repeated
        await office.round()
        assert await office.states(webhook) == [DeliveryState.DELIVERED]
        assert [message for _, message, _ in office.post.posted] == [dead.event] * 2
        first, *more = reversed(await office.commands())
        assert (first.epoch, len(more)) == ((1, 1) if repeated is False else (2, 0))

    async def test_of_a_removed_webhook_leaves_nothing_for_anybody_to_mend(self, office: Office) -> None:
        webhook = await office.subscribe()
        await office.define("parked")
        await office.fail(MOST_ATTEMPTS)
        await office.define("waiting")
        await office.round()
        await office.define("executed")
        await office.relay.round()
        office.world.clock += timedelta(hours=2)
        lease = await office.hand.lease(office.tenant)
        assert lease is not None
        async with office.store.transaction(office.tenant) as tx:
            held = {each.key for each in await tx.commands.leased(lease)}
        await office.webhooks.remove(office.world.ada, webhook, expected=1, reason=WHY)
        assert {each.state for each in await office.commands() if each.key not in held} == {CommandState.CANCELED}
        await office.hand.execute(office.tenant, lease)
        assert {each.result["outcome"] for each in await office.commands() if each.key in held} == {"gone"}

    async def test_of_a_webhook_that_is_off_waits_until_it_is_on(self, office: Office) -> None:
        webhook = await office.subscribe()
        await office.define()
        await office.relay.round()
        off = replace(WANTS, enabled=False)
        await office.webhooks.replace(office.world.ada, webhook, off, expected=1, reason=WHY)
        for _ in range(2):
            await office.round()
        (command,) = await office.commands()
        assert (command.state, command.result) == (CommandState.COMPLETED, {"outcome": "webhook-disabled"})
        (waiting,) = await office.deliveries(webhook)
        assert (waiting.state, waiting.command, office.post.posted) == (DeliveryState.DUE, None, [])
        await office.webhooks.replace(office.world.ada, webhook, WANTS, expected=2, reason=WHY)
        await office.round()
        assert await office.states(webhook) == [DeliveryState.DELIVERED]
        assert len(await office.commands()) == 2

    async def test_is_counted_by_how_it_fared(self, office: Office) -> None:
        await office.subscribe()
        await office.define("a")
        office.post.failure = NotDelivered(reason="status-503")
        await office.round()
        assert office.fared == {Sent("event", Fared.RETRIED): 1}
        office.post.failure = None
        office.world.clock += timedelta(hours=1)
        await office.round()
        assert office.fared[Sent("event", Fared.DELIVERED)] == 1
        await office.define("b")
        office.post.failure = NotDelivered(reason="status-410", gone=True)
        await office.round()
        assert office.fared[Sent("event", Fared.GIVEN_UP)] == 1


class TestRelay:
    async def test_outlives_an_outage(self, office: Office) -> None:
        webhook = await office.subscribe()
        office.store.down = True
        running = asyncio.create_task(office.relay.run())
        await asyncio.sleep(0.05)
        office.store.down = False
        await office.define()
        async with asyncio.timeout(60):
            while not await office.states(webhook):  # noqa: ASYNC110 -- what is waited for sets no event
                await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    async def test_forgets_what_is_old(self, office: Office) -> None:
        await office.define()
        await office.round()
        office.world.clock += timedelta(days=8)
        await office.round()
        async with office.store.transaction(office.tenant) as tx:
            assert await tx.events.after(0, 9) == []
            assert (await tx.events.line()).forgotten == 1


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
        heard.put_nowait((office.tenant, None))
        await asyncio.sleep(0.05)
        office.store.down = False
        heard.put_nowait(None)
        heard.put_nowait((office.tenant, None))
        async with asyncio.timeout(60):
            while True:
                async with office.store.transaction(office.tenant) as tx:
                    if (await tx.events.line()).position == 1:
                        break
                await asyncio.sleep(0.01)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
