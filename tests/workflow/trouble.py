"""A store whose database goes away, or that holds what it is asked to do, while a story wants it so."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from adapters.postgres.errors import DatabaseUnavailable
from adapters.postgres.store import PostgresStore
from application.ports.records import Tenant, Waiting
from application.ports.store import Transaction


class TroubledStore:
    """The real store; `down` refuses every transaction, and none begins until `passing` is set."""

    def __init__(self, store: PostgresStore) -> None:
        self._store = store
        self.down = False
        self.passing = asyncio.Event()
        self.passing.set()
        self.waiting_outside = 0

    @asynccontextmanager
    async def transaction(self, tenant: UUID) -> AsyncIterator[Transaction]:
        if self.down:
            raise DatabaseUnavailable
        if not self.passing.is_set():
            self.waiting_outside += 1
            await self.passing.wait()
            self.waiting_outside -= 1
        async with self._store.transaction(tenant) as tx:
            yield tx

    async def create_tenant(self, tenant: Tenant) -> None:
        await self._store.create_tenant(tenant)

    async def tenant(self, slug: str) -> Tenant | None:
        return await self._store.tenant(slug)

    async def memberships(self, issuer: str, subject: str) -> list[tuple[Tenant, UUID]]:
        return await self._store.memberships(issuer, subject)

    async def waiting(self) -> list[Waiting]:
        return await self._store.waiting()

    async def ping(self) -> None:
        await self._store.ping()
