"""What was committed gets its place in its tenant's line, and whoever wants it is sent it, at once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeAlias
from uuid import UUID, uuid5

import structlog

from application.commands.following import sent_on
from application.ports.store import News, Store, Transaction
from domain.commands import Command
from domain.errors import Refusal
from domain.events import Delivery, Event, Subscription
from domain.events.following import command_after, following

_AT_ONCE = 1000
_TAKEN_UP = 500

log = structlog.get_logger()

Hearer = Callable[[UUID, Sequence[Event]], Awaitable[None]]
OwnFollower: TypeAlias = Callable[[Event, datetime], Command | None]
"""What the product itself sends after an event, and at that instant, if anything."""


class Publisher:
    """Any number of them may work at a time, in any process: who is first does it, and the others find it done."""

    def __init__(self, store: Store, own: Sequence[OwnFollower] = ()) -> None:
        """`own` types are in no catalogue: every process is told which of them follow."""
        self._store = store
        self._own = own
        self._stirred: dict[UUID, None] = {}
        self._called = asyncio.Event()
        self._hearers: list[Hearer] = []

    def tell(self, hearer: Hearer) -> None:
        """It is told what this process told, once each, after the commit; what it raises is logged."""
        self._hearers.append(hearer)

    async def publish(self, tenant: UUID) -> int:
        """How many were told."""
        told, numbered = 0, _AT_ONCE
        while numbered == _AT_ONCE:
            async with self._store.transaction(tenant) as tx:
                events = await tx.events.number(_AT_ONCE)
                webhooks = await tx.webhooks.all(hold=True) if events else []
                await handed_out(
                    tx, [delivery_of(event, each) for event in events for each in webhooks if each.takes(event)]
                )
                await sent_after(tx, events, self._own)
            numbered = len(events)
            await self._heard(tenant, events)
            told += numbered
        return told

    async def _heard(self, tenant: UUID, events: list[Event]) -> None:
        for hearer in self._hearers if events else ():
            try:
                await hearer(tenant, events)
            except Exception as error:  # noqa: BLE001 -- whatever it was, the events were told
                log.warning("events.unheard", tenant=str(tenant), error=type(error).__name__)

    async def follow(self, *news: News) -> None:
        """Runs as long as the process: a change that is heard of is told at once. What it misses, a worker tells."""
        await asyncio.gather(self._work(), *(self._hear(each) for each in news))

    async def _hear(self, news: News) -> None:
        async for place in news.listen():
            if place is not None:
                self._stirred[place[0]] = None
                self._called.set()

    async def _work(self) -> None:
        while True:
            await self._called.wait()
            self._called.clear()
            while self._stirred:
                tenant = next(iter(self._stirred))
                del self._stirred[tenant]  # before it is looked at: what is heard from now on is looked at again
                try:
                    await self.publish(tenant)
                except Refusal as refusal:
                    log.warning("events.delayed", tenant=str(tenant), refusal=refusal.kind)
                except Exception:  # a defect with one tenant's events must not silence the others'
                    log.exception("events.failed", tenant=str(tenant))


async def sent_after(tx: Transaction, events: Sequence[Event], own: Sequence[OwnFollower] = ()) -> None:
    """A command for each type that follows one of them; what comes of these is theirs."""
    followers = following(await tx.commands.types()) if events else {}
    commands = [command_after(event, each) for event in events for each in followers.get(event.type.value, ())]
    ours = [command for event in events for each in own if (command := each(event, tx.now)) is not None]
    await _sent(tx, [*commands, *ours])


def delivery_of(event: Event, webhook: Subscription) -> Delivery:
    """The same one however often it is made out, and so is its command."""
    id_ = uuid5(webhook.id, str(event.id))
    return Delivery(id_, webhook.id, event.id, event.type, event.to_json(), event.at, command=str(id_))


async def handed_out(tx: Transaction, deliveries: Sequence[Delivery]) -> None:
    await tx.webhooks.hand_out(*deliveries)
    await _sent(tx, _carrying(deliveries))


async def taken_up(tx: Transaction) -> None:
    """What waited for its webhook to be enabled, is to be delivered anew, or was handed out before commands were."""
    await _sent(tx, _carrying(await tx.webhooks.take_up(_TAKEN_UP)))


def _carrying(deliveries: Sequence[Delivery]) -> list[Command]:
    return [each.carried_by(each.command) for each in deliveries if each.command is not None]


async def _sent(tx: Transaction, commands: Sequence[Command]) -> None:
    for start in range(0, len(commands), _AT_ONCE):
        await sent_on(tx, commands[start : start + _AT_ONCE], None)
