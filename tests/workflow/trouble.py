"""A store whose database goes away for some activities while a story wants it so."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from temporalio import activity

from adapters.postgres.errors import DatabaseUnavailable
from adapters.postgres.store import PostgresStore
from application.ports.records import Tenant, Waiting
from application.ports.store import Transaction


class TroubledStore:
    """The real store; the activities named in `fails` get no transaction."""

    def __init__(self, store: PostgresStore) -> None:
        self._store = store
        self.fails: set[str] = set()

    @asynccontextmanager
    async def transaction(self, tenant: UUID) -> AsyncIterator[Transaction]:
        if activity.info().activity_type in self.fails:
            raise DatabaseUnavailable
        async with self._store.transaction(tenant) as tx:
            yield tx

    async def create_tenant(self, tenant: Tenant) -> None:
        await self._store.create_tenant(tenant)

    async def tenant(self, slug: str) -> Tenant | None:
        return await self._store.tenant(slug)

    async def home(self, tenant: UUID) -> Tenant:
        return await self._store.home(tenant)

    async def memberships(self, issuer: str, subject: str) -> list[tuple[Tenant, UUID]]:
        return await self._store.memberships(issuer, subject)

    async def waiting(self) -> list[Waiting]:
        return await self._store.waiting()

    async def ping(self) -> None:
        await self._store.ping()
