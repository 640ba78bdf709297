"""Nothing that was committed stays untold: a worker numbers what no other process did, delivers, and forgets."""

import asyncio
from collections import Counter
from datetime import timedelta
from uuid import UUID

import structlog

from application.events.delivery import EventDelivery
from application.events.publishing import Publisher
from application.ports.events import Work, WorkKind
from application.ports.store import Store
from domain.errors import Refusal, Unavailable

log = structlog.get_logger()

_MOST_CALLS = 32
_MOST_EACH = 4
"""Calls at a time, altogether and to one webhook: one that hangs holds no other up."""


class Relay:
    def __init__(
        self, store: Store, publisher: Publisher, delivery: EventDelivery, *, keep: timedelta, pause: float = 0.25
    ) -> None:
        """Events can be read again for as long as `keep`."""
        self._store = store
        self._publisher = publisher
        self._delivery = delivery
        self._keep = keep
        self._pause = pause
        self._calls: dict[UUID, asyncio.Task[None]] = {}
        self._busy: Counter[UUID] = Counter()

    @property
    def publisher(self) -> Publisher:
        return self._publisher

    async def run(self) -> None:
        """Until cancelled; an outage of the database only delays it."""
        try:
            while True:
                try:
                    await self.round()
                except Unavailable as refusal:
                    log.warning("relay.delayed", kind=refusal.kind)
                await asyncio.sleep(self._pause)
        finally:
            for call in self._calls.values():
                call.cancel()
            await asyncio.gather(*self._calls.values(), return_exceptions=True)

    async def round(self) -> None:
        """Deliveries are begun and not waited for."""
        for work in await self._store.event_work(self._keep):
            match work:
                case Work(WorkKind.DELIVERY, tenant, UUID() as delivery, UUID() as webhook):
                    self._begin(tenant, delivery, webhook)
                case Work(kind, tenant):
                    await self._attend(kind, tenant)

    async def settled(self) -> None:
        """Once every delivery that was begun has ended."""
        await asyncio.gather(*self._calls.values())

    async def _attend(self, kind: WorkKind, tenant: UUID) -> None:
        try:
            if kind is WorkKind.UNTOLD:
                await self._publisher.publish(tenant)
            elif kind is WorkKind.OLD:
                async with self._store.transaction(tenant) as tx:
                    await tx.events.forget(self._keep)
        except Refusal as refusal:
            log.warning("relay.row_delayed", what=kind.value, tenant=str(tenant), refusal=refusal.kind)
        except Exception:  # a defect with one tenant's events must not silence the others'
            log.exception("relay.row_failed", what=kind.value, tenant=str(tenant))

    def _begin(self, tenant: UUID, delivery: UUID, webhook: UUID) -> None:
        if delivery in self._calls or len(self._calls) >= _MOST_CALLS or self._busy[webhook] >= _MOST_EACH:
            return
        self._busy[webhook] += 1
        self._calls[delivery] = asyncio.create_task(self._call(tenant, delivery, webhook))

    async def _call(self, tenant: UUID, delivery: UUID, webhook: UUID) -> None:
        try:
            await self._delivery.deliver(tenant, delivery)
        except Refusal as refusal:
            log.warning("webhook.delayed", delivery=str(delivery), refusal=refusal.kind)
        except Exception:  # a defect in one delivery must not stop the worker that all others wait for
            log.exception("webhook.defect", delivery=str(delivery))
        finally:
            del self._calls[delivery]
            self._busy[webhook] -= 1
            if not self._busy[webhook]:
                del self._busy[webhook]
