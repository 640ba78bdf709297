"""Nothing that was committed stays untold: a worker numbers what no other process did, delivers, and forgets."""

from collections import Counter
from datetime import timedelta
from functools import partial
from uuid import UUID

from application.events.delivery import EventDelivery
from application.events.publishing import Publisher
from application.faring import Sent
from application.ports.events import Work, WorkKind
from application.ports.store import Store
from application.rounds import Lanes, again_and_again, attended

_MOST_CALLS = 32
_MOST_EACH = 4
"""Calls at a time, altogether and to one webhook."""


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
        self._lanes = Lanes(_MOST_CALLS, _MOST_EACH)

    @property
    def publisher(self) -> Publisher:
        return self._publisher

    @property
    def sent(self) -> Counter[Sent]:
        return self._lanes.sent

    async def run(self) -> None:
        """Until cancelled; an outage of the database only delays it."""
        try:
            await again_and_again("relay", self.round, self._pause)
        finally:
            await self._lanes.stop()

    async def round(self) -> None:
        """Deliveries are begun and not waited for."""
        for work in await self._store.event_work(self._keep):
            match work:
                case Work(WorkKind.DELIVERY, tenant, UUID() as delivery, UUID() as webhook):
                    deliver = partial(self._delivery.deliver, tenant, delivery)
                    self._lanes.begin(delivery, webhook, deliver, what="delivery", id=str(delivery))
                case Work(kind, tenant):
                    await attended(self._attend(kind, tenant), what=kind.value, tenant=str(tenant))

    async def settled(self) -> None:
        """Once every delivery that was begun has ended."""
        await self._lanes.settled()

    async def _attend(self, kind: WorkKind, tenant: UUID) -> None:
        if kind is WorkKind.UNTOLD:
            await self._publisher.publish(tenant)
        elif kind is WorkKind.OLD:
            async with self._store.transaction(tenant) as tx:
                await tx.events.forget(self._keep)
