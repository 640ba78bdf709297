"""Webhooks, and how far commands have brought what is on its way to them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, Text, bindparam, case, cast, delete, func, null, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables_events import webhook, webhook_delivery
from domain.environments import Environment
from domain.events import Delivery, DeliveryState, EventType, Progress, Subscription, Wants

DUE = DeliveryState.DUE.value
_D = webhook_delivery.c
_FOLLOW = (
    update(webhook_delivery)
    .where(_D.delivery_id == bindparam("id"), _D.command == bindparam("by"))
    .values(
        state=bindparam("to"),
        attempts=bindparam("attempts"),
        last_error=bindparam("last_error"),
        settled_at=case((bindparam("to", type_=Text) == DUE, null()), else_=func.clock_timestamp()),
        command=case((bindparam("waits", type_=Boolean), null()), else_=_D.command),
    )
)


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
        d = webhook_delivery.c
        underway = select(d.delivery_id).where(d.webhook_id == webhook_id).order_by(d.delivery_id)
        await self._session.execute(underway.with_for_update())  # in the order of whoever moves several of them
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
                "command": each.command,
            }
            for each in deliveries
        ]
        if rows:
            await self._session.execute(upsert(webhook_delivery).on_conflict_do_nothing(), rows)

    async def take_up(self, limit: int) -> list[Delivery]:
        d, now = webhook_delivery.c, func.clock_timestamp()
        wanted = or_(webhook.c.enabled, d.type == EventType.WEBHOOK_TESTED.value)
        free = or_(d.leased_until.is_(None), d.leased_until <= now)  # by a worker that knows of no commands
        query = (
            select(d.delivery_id)
            .join(webhook, (webhook.c.tenant_id == d.tenant_id) & (webhook.c.webhook_id == d.webhook_id))
            .where(d.state == DUE, d.command.is_(None), d.not_before <= now, free, wanted)
            .order_by(d.delivery_id)
            .limit(limit)
        )
        found = (await self._session.execute(query.with_for_update(skip_locked=True, of=webhook_delivery))).scalars()
        taken = update(webhook_delivery).where(d.delivery_id.in_(found.all()))
        taken = taken.values(command=cast(func.gen_random_uuid(), Text))
        return [_delivery(row) for row in await self._session.execute(taken.returning(webhook_delivery))]

    async def follow(self, moves: Sequence[Progress]) -> None:
        rows = [
            {**vars(each), "id": each.delivery, "by": each.command, "to": each.state.value}
            for each in sorted(moves, key=lambda each: each.delivery)  # so that nobody waits for who waits for them
        ]
        await self._session.execute(_FOLLOW, rows)

    async def carrying(self, webhook_id: UUID) -> list[str]:
        d = webhook_delivery.c
        underway = (d.webhook_id == webhook_id, d.state != DeliveryState.DELIVERED.value, d.command.is_not(None))
        return list((await self._session.execute(select(d.command).where(*underway))).scalars())

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
            anew.values(state=DUE, attempts=0, not_before=func.now(), settled_at=None, command=None)
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
        command=row.command,
    )
