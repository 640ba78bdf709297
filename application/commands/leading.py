"""What has a workflow of its own is leased alone and handed to it, and holds up none of what is executed together."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

from application.commands.handling import Handlers
from application.commands.leases import given_back
from application.commands.limiting import Limiting, Wanted
from application.commands.moves import told
from application.ports.command_runs import CommandRuns
from application.ports.commands import Types
from application.ports.store import Store
from application.rounds import attended
from domain.commands import CommandRecord, name_of
from domain.errors import Unavailable

IN_FLIGHT: Final = 50
EACH: Final = 20
"""Long commands of one relay that have not ended, of a domain and of a tenant in it."""


class LeadingAlone:
    """`landed` is called as each of them ends."""

    def __init__(
        self, store: Store, runs: CommandRuns, handlers: Handlers, lasts: timedelta, landed: Callable[[], None]
    ) -> None:
        self._store = store
        self._runs = runs
        self._types = Types(handlers.alone, only=True)
        self._limiting = Limiting(handlers)
        self._lasts = lasts
        self._landed = landed
        self._flying: dict[asyncio.Task[None], tuple[UUID, str]] = {}

    @property
    def flights(self) -> set[asyncio.Task[None]]:
        return set(self._flying)

    async def lead(self, tenant: UUID, domain: str) -> int:
        """As many as there is room for; how many were leased."""
        if not any(each.startswith(f"{domain}.") for each in self._types.names):
            return 0
        led = 0
        while self._has_room(tenant, domain) and (record := await self._leased(tenant, domain)) is not None:
            await self._started(record)
            led += 1
        return led

    def _has_room(self, tenant: UUID, domain: str) -> bool:
        busy = Counter(self._flying.values())
        return busy[tenant, domain] < EACH and sum(busy[each] for each in busy if each[1] == domain) < IN_FLIGHT

    async def _leased(self, tenant: UUID, domain: str) -> CommandRecord | None:
        async with self._store.transaction(tenant) as tx:
            wanted = Wanted(domain, 1, tx.now + self._lasts, uuid4(), self._types)
            records = await self._limiting.lease(tx, wanted)
            await told(tx, records)
            return records[0] if records else None

    async def _started(self, record: CommandRecord) -> None:
        try:
            await self._runs.start(record)
        except Unavailable:
            if record.lease is not None:
                await given_back(self._store, record.tenant, record.lease)
            raise
        flight = asyncio.create_task(
            attended(self._runs.over(record), what="long-command", command=name_of(record.key))
        )
        self._flying[flight] = record.tenant, record.command.domain
        flight.add_done_callback(self._ended)

    def _ended(self, flight: asyncio.Task[None]) -> None:
        del self._flying[flight]
        self._landed()
