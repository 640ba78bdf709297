"""A store whose database goes away for some activities while a story wants it so."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from temporalio import activity

from adapters.postgres.errors import DatabaseUnavailable
from adapters.postgres.store import PostgresStore, PostgresTransaction


class TroubledStore(PostgresStore):
    """The real store; the activities named in `fails` get no transaction."""

    def __init__(self, store: PostgresStore) -> None:
        super().__init__(store._engine)
        self.fails: set[str] = set()

    @asynccontextmanager
    async def transaction(self, tenant: UUID) -> AsyncIterator[PostgresTransaction]:
        if activity.info().activity_type in self.fails:
            raise DatabaseUnavailable
        async with super().transaction(tenant) as tx:
            yield tx
