"""Webhooks, and deliveries that one worker at a time holds on lease."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables_events import webhook, webhook_delivery
from application.ports.events import LEASE
from domain.environments import Environment
from domain.events import Delivery, DeliveryState, EventType, Subscription, Wants

DUE = DeliveryState.DUE.value


class PostgresWebhooks:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def add(self, subscription: Subscription) -> bool:
        row = {"tenant_id": self._tenant, "webhook_id": subscription.id, "owner": subscription.owner}
        wanted = upsert(webhook).values(**row, **_row(subscription)).on_conflict_do_nothing()
        return (await self._session.execute(wanted.returning(webhook.c.version))).one_or_none() is not None

    async def get(self, webhook_id: UUID, *, lock: bool = False) -> Subscription | None:
        query = select(webhook).where(webhook.c.webhook_id == webhook_id)
        row = (await self._session.execute(query.with_for_update() if lock else query)).one_or_none()
        return _subscription(row) if row else None

    async def all(self, *, hold: bool = False) -> list[Subscription]:
        query = select(webhook).order_by(webhook.c.created_at, webhook.c.webhook_id)
        rows = await self._session.execute(query.with_for_update(read=True, key_share=True) if hold else query)
        return [_subscription(row) for row in rows]

    async def save(self, subscription: Subscription) -> None:
        changed = update(webhook).where(webhook.c.webhook_id == subscription.id)
        await self._session.execute(changed.values(**_row(subscription)))

    async def remove(self, webhook_id: UUID) -> None:
        await self._session.execute(delete(webhook).where(webhook.c.webhook_id == webhook_id))

    async def hand_out(self, *deliveries: Delivery) -> None:
        rows = [
            {
                "tenant_id": self._tenant,
                "delivery_id": each.id,
                "webhook_id": each.webhook,
                "event_id": each.event,
                "type": each.type.value,
                "body": each.body,
            }
            for each in deliveries
        ]
        if rows:
            await self._session.execute(upsert(webhook_delivery).on_conflict_do_nothing(), rows)

    async def claim(self, delivery: UUID, claim: UUID) -> Delivery | None:
        d, now = webhook_delivery.c, func.clock_timestamp()
        free = or_(d.leased_until.is_(None), d.leased_until <= now)
        query = select(d.delivery_id).where(d.delivery_id == delivery, d.state == DUE, d.not_before <= now, free)
        if (await self._session.execute(query.with_for_update(skip_locked=True))).one_or_none() is None:
            return None
        taken = update(webhook_delivery).where(d.delivery_id == delivery)
        taken = taken.values(claim=claim, leased_until=now + LEASE, attempts=d.attempts + 1)
        return _delivery((await self._session.execute(taken.returning(webhook_delivery))).one())

    async def settle(self, delivery: Delivery, state: DeliveryState, why: str | None, pause: timedelta) -> bool:
        d, now = webhook_delivery.c, func.clock_timestamp()
        ended = update(webhook_delivery).where(d.delivery_id == delivery.id, d.claim == delivery.claim)
        ended = ended.values(
            state=state.value,
            last_error=why,
            not_before=now + pause,
            claim=None,
            leased_until=None,
            settled_at=None if state is DeliveryState.DUE else now,
        )
        return (await self._session.execute(ended.returning(d.delivery_id))).one_or_none() is not None

    async def delivery(self, delivery: UUID, *, lock: bool = False) -> Delivery | None:
        query = select(webhook_delivery).where(webhook_delivery.c.delivery_id == delivery)
        row = (await self._session.execute(query.with_for_update() if lock else query)).one_or_none()
        return _delivery(row) if row else None

    async def deliveries(
        self, webhook_id: UUID, state: DeliveryState | None, before: tuple[datetime, UUID] | None, limit: int
    ) -> list[Delivery]:
        d = webhook_delivery.c
        query = select(webhook_delivery).where(d.webhook_id == webhook_id)
        if state is not None:
            query = query.where(d.state == state.value)
        if before is not None:
            query = query.where(tuple_(d.created_at, d.delivery_id) < before)
        rows = await self._session.execute(query.order_by(d.created_at.desc(), d.delivery_id.desc()).limit(limit))
        return [_delivery(row) for row in rows]

    async def revive(self, delivery: UUID) -> None:
        d = webhook_delivery.c
        anew = update(webhook_delivery).where(d.delivery_id == delivery)
        await self._session.execute(
            anew.values(state=DUE, attempts=0, not_before=func.now(), claim=None, leased_until=None, settled_at=None)
        )


def _row(subscription: Subscription) -> dict[str, Any]:
    wants = subscription.wants
    return {
        "version": subscription.version,
        "url": wants.url,
        "types": [each.value for each in wants.types],
        "environments": [each.value for each in wants.environments],
        "prefix": wants.prefix,
        "enabled": wants.enabled,
        "description": wants.description,
        "sealed": subscription.sealed,
        "failing_since": subscription.failing_since,
        "disabled_because": subscription.disabled_because,
    }


def _subscription(row: Any) -> Subscription:
    wants = Wants(
        row.url,
        tuple(map(EventType, row.types)),
        tuple(map(Environment, row.environments)),
        row.prefix,
        row.enabled,
        row.description,
    )
    return Subscription(
        row.webhook_id, row.version, wants, row.sealed, row.owner, row.created_at, row.failing_since,
        row.disabled_because,
    )  # fmt: skip


def _delivery(row: Any) -> Delivery:
    return Delivery(
        id=row.delivery_id,
        webhook=row.webhook_id,
        event=row.event_id,
        type=EventType(row.type),
        body=row.body,
        created_at=row.created_at,
        state=DeliveryState(row.state),
        attempts=row.attempts,
        last_error=row.last_error,
        settled_at=row.settled_at,
        claim=row.claim,
    )
