"""Webhooks and deliveries in memory."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from adapters.memory.rows import DeliveryRow, Rows, Tick, as_stored
from application.ports.events import LEASE
from domain.events import Delivery, DeliveryState, Subscription


class MemoryWebhooks:
    def __init__(self, rows: Rows, now: datetime, tick: Tick) -> None:
        self._rows = rows
        self._now = now
        self._tick = tick

    async def add(self, subscription: Subscription) -> bool:
        if subscription.id in self._rows.webhooks:
            return False
        self._rows.webhooks[subscription.id] = replace(subscription, created_at=self._now)
        return True

    async def get(self, webhook: UUID, *, lock: bool = False) -> Subscription | None:
        del lock
        return self._rows.webhooks.get(webhook)

    async def all(self, *, hold: bool = False) -> list[Subscription]:
        del hold
        return sorted(self._rows.webhooks.values(), key=lambda each: (each.created_at, each.id))

    async def save(self, subscription: Subscription) -> None:
        self._rows.webhooks[subscription.id] = subscription

    async def remove(self, webhook: UUID) -> None:
        self._rows.webhooks.pop(webhook, None)
        kept = {id_: row for id_, row in self._rows.deliveries.items() if row.delivery.webhook != webhook}
        self._rows.deliveries = kept

    async def hand_out(self, *deliveries: Delivery) -> None:
        for each in deliveries:
            fresh = replace(each, body=as_stored(each.body), created_at=self._now)
            self._rows.deliveries.setdefault(each.id, DeliveryRow(fresh, self._now))

    async def claim(self, delivery: UUID, claim: UUID) -> Delivery | None:
        row, now = self._rows.deliveries.get(delivery), self._tick()
        if row is None or row.delivery.state is not DeliveryState.DUE or not row.free(now):
            return None
        taken = replace(row.delivery, claim=claim, attempts=row.delivery.attempts + 1)
        self._rows.deliveries[delivery] = replace(row, delivery=taken, leased_until=now + LEASE)
        return taken

    async def settle(self, delivery: Delivery, state: DeliveryState, why: str | None, pause: timedelta) -> bool:
        row, now = self._rows.deliveries.get(delivery.id), self._tick()
        if row is None or row.delivery.claim != delivery.claim:
            return False
        settled_at = None if state is DeliveryState.DUE else now
        ended = replace(row.delivery, state=state, last_error=why, claim=None, settled_at=settled_at)
        self._rows.deliveries[delivery.id] = DeliveryRow(ended, now + pause)
        return True

    async def delivery(self, delivery: UUID, *, lock: bool = False) -> Delivery | None:
        del lock
        row = self._rows.deliveries.get(delivery)
        return row.delivery if row else None

    async def deliveries(
        self, webhook: UUID, state: DeliveryState | None, before: tuple[datetime, UUID] | None, limit: int
    ) -> list[Delivery]:
        found = [
            row.delivery
            for row in self._rows.deliveries.values()
            if row.delivery.webhook == webhook
            and state in (None, row.delivery.state)
            and (before is None or (row.delivery.created_at, row.delivery.id) < before)
        ]
        return sorted(found, key=lambda each: (each.created_at, each.id), reverse=True)[:limit]

    async def revive(self, delivery: UUID) -> None:
        row = self._rows.deliveries[delivery]
        anew = replace(row.delivery, state=DeliveryState.DUE, attempts=0, claim=None, settled_at=None)
        self._rows.deliveries[delivery] = DeliveryRow(anew, self._now)
