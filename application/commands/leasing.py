"""What is due is leased in a transaction of its own, and goes back where nobody heard whether that was committed."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias
from uuid import UUID, uuid4

import structlog

from application.commands.handling import Handlers
from application.commands.leases import given_back
from application.commands.limiting import Limiting, Wanted
from application.commands.moves import told
from application.ports.commands import Types
from application.ports.store import Store
from domain.commands import CommandRecord
from domain.errors import Unavailable

Lane: TypeAlias = tuple[UUID, str]
"""A tenant and a domain."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Leased:
    """Commands of one lane in one lease; or one that is `long`, which has a workflow of its own."""

    lane: Lane
    id: UUID
    records: tuple[CommandRecord, ...]
    long: bool = False

    def __len__(self) -> int:
        return len(self.records)


class Leasing:
    """Of one relay: nobody else knows of its leases until they are begun."""

    def __init__(self, store: Store, handlers: Handlers, lasts: timedelta) -> None:
        self._store = store
        self._limiting = Limiting(handlers)
        self._lasts = lasts
        self._loose: dict[UUID, UUID] = {}

    def paced(self, domain: str) -> bool:
        """Whether there may be room again for what is due, and nobody says when."""
        return self._limiting.paced(domain)

    async def lease(self, lane: Lane, most: int, types: Types, *, long: bool = False) -> Leased:
        """As many as there are, and as limits allow; the database may go away between the commit and its answer."""
        (tenant, domain), lease = lane, uuid4()
        self._loose[lease] = tenant
        async with self._store.transaction(tenant) as tx:
            records = await self._limiting.lease(tx, Wanted(domain, most, tx.now + self._lasts, lease, types))
            await told(tx, records)
        del self._loose[lease]
        return Leased(lane, lease, tuple(records), long)

    async def give_back(self, lease: Leased) -> None:
        """What could not be begun; as soon as the database answers."""
        self._loose[lease.id] = lease.lane[0]
        await self.give_back_loose()

    async def give_back_loose(self) -> None:
        """What nobody would begin before its lease has ended; Unavailable while the database is away."""
        while self._loose:
            lease, tenant = self._loose.popitem()
            try:
                await given_back(self._store, tenant, lease)
            except Unavailable:
                self._loose[lease] = tenant
                raise
            except Exception:
                log.exception("row.failed", what="command-lease", lease=str(lease))
