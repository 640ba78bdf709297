"""Webhooks and deliveries in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

from adapters.memory.rows import Rows, Tick, as_stored
from domain.events import Delivery, DeliveryState, EventType, Progress, Subscription


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
        self._rows.deliveries = {id_: each for id_, each in self._rows.deliveries.items() if each.webhook != webhook}

    async def hand_out(self, *deliveries: Delivery) -> None:
        for each in deliveries:
            fresh = replace(each, body=as_stored(each.body), created_at=self._now)
            self._rows.deliveries.setdefault(each.id, fresh)

    async def take_up(self, limit: int) -> list[Delivery]:
        taken = [replace(each, command=str(uuid4())) for each in uncarried(self._rows)[:limit]]
        self._rows.deliveries |= {each.id: each for each in taken}
        return taken

    async def follow(self, moves: Sequence[Progress]) -> None:
        for each in moves:
            found = self._rows.deliveries.get(each.delivery)
            if found is None or found.command != each.command:
                continue
            self._rows.deliveries[each.delivery] = replace(
                found,
                state=each.state,
                attempts=each.attempts,
                last_error=each.last_error,
                settled_at=None if each.state is DeliveryState.DUE else self._tick(),
                command=None if each.waits else each.command,
            )

    async def carrying(self, webhook: UUID) -> list[str]:
        return [
            each.command
            for each in self._rows.deliveries.values()
            if each.webhook == webhook and each.state is not DeliveryState.DELIVERED and each.command is not None
        ]

    async def delivery(self, delivery: UUID, *, lock: bool = False) -> Delivery | None:
        del lock
        return self._rows.deliveries.get(delivery)

    async def deliveries(
        self, webhook: UUID, state: DeliveryState | None, before: tuple[datetime, UUID] | None, limit: int
    ) -> list[Delivery]:
        found = [
            each
            for each in self._rows.deliveries.values()
            if each.webhook == webhook
            and state in (None, each.state)
            and (before is None or (each.created_at, each.id) < before)
        ]
        return sorted(found, key=lambda each: (each.created_at, each.id), reverse=True)[:limit]

    async def revive(self, delivery: UUID) -> None:
        found = self._rows.deliveries[delivery]
        anew = replace(found, state=DeliveryState.DUE, attempts=0, settled_at=None, command=None)
        self._rows.deliveries[delivery] = anew


def uncarried(rows: Rows) -> list[Delivery]:
    """Due, and nothing carries them there; to a webhook that is off only tests go."""
    return [
        each
        for each in rows.deliveries.values()
        if each.state is DeliveryState.DUE
        and each.command is None
        and (rows.webhooks[each.webhook].wants.enabled or each.type is EventType.WEBHOOK_TESTED)
    ]
