"""Intents of people and idempotency keys of clients."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables import idempotency_key, intent
from application.ports.records import Intent
from application.ports.store import KeyClaim

_LEASE = timedelta(seconds=60)
"""An attempt that neither answered nor gave up by then is dead: its request may be tried again."""


class PostgresIntents:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def add(self, wish: Intent) -> None:
        await self._session.execute(
            insert(intent)
            .values(
                tenant_id=self._tenant,
                intent_id=wish.id,
                actor=wish.actor,
                verb=wish.verb,
                subject=wish.subject,
                body=wish.body,
                expires_at=wish.expires_at,
            )
            .on_conflict_do_nothing()
        )

    async def get(self, intent_id: UUID) -> Intent | None:
        row = (await self._session.execute(select(intent).where(intent.c.intent_id == intent_id))).one_or_none()
        if row is None:
            return None
        done = row.done_at is not None
        return Intent(row.intent_id, row.actor, row.verb, row.subject, row.body, row.expires_at, done)

    async def done(self, intent_id: UUID) -> None:
        await self._session.execute(
            update(intent).where(intent.c.intent_id == intent_id).values(done_at=func.clock_timestamp())
        )


class PostgresIdempotency:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def claim(self, principal: UUID, key: str, fingerprint: str) -> KeyClaim:
        k = idempotency_key.c
        fresh = await self._session.execute(
            insert(idempotency_key)
            .values(tenant_id=self._tenant, principal=principal, key=key, fingerprint=fingerprint)
            .on_conflict_do_update(
                index_elements=["tenant_id", "principal", "key"],
                set_={"claimed_at": func.now()},
                where=(k.status.is_(None)) & (k.claimed_at < func.now() - _LEASE) & (k.fingerprint == fingerprint),
            )
            .returning(k.key)
        )
        if fresh.one_or_none() is not None:
            return KeyClaim(True, fingerprint)
        query = select(idempotency_key).where(k.principal == principal, k.key == key)
        row = (await self._session.execute(query)).one()
        return KeyClaim(False, row.fingerprint, row.status, row.body)

    async def answer(self, principal: UUID, key: str, status: int, body: bytes) -> None:
        k = idempotency_key.c
        await self._session.execute(
            update(idempotency_key).where(k.principal == principal, k.key == key).values(status=status, body=body)
        )

    async def release(self, principal: UUID, key: str) -> None:
        k = idempotency_key.c
        await self._session.execute(
            delete(idempotency_key).where(k.principal == principal, k.key == key, k.status.is_(None))
        )
