"""What has a workflow of its own, by its type or for itself, is leased alone and handed to it; it holds up no other."""

import asyncio
from collections import Counter, deque
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
        self._lines = [Types(handlers.alone, only=True), Types(handlers.alone, alone=True)]
        self._limiting = Limiting(handlers)
        self._lasts = lasts
        self._landed = landed
        self._flying: dict[asyncio.Task[None], tuple[UUID, str]] = {}

    @property
    def flights(self) -> set[asyncio.Task[None]]:
        return set(self._flying)

    async def lead(self, tenant: UUID, domain: str, *, promoted: bool = False) -> int:
        """As many as there is room for, by turns those of such types and those `promoted`; how many were leased."""
        by_type, by_itself = self._lines
        lines = deque([by_type] if any(each.startswith(f"{domain}.") for each in by_type.names) else [])
        lines.extend([by_itself] if promoted else [])
        led = 0
        while lines and self._has_room(tenant, domain):
            record = await self._leased(tenant, domain, lines[0])
            if record is None:
                lines.popleft()
                continue
            await self._started(record)
            led += 1
            lines.rotate()
        return led

    def _has_room(self, tenant: UUID, domain: str) -> bool:
        busy = Counter(self._flying.values())
        return busy[tenant, domain] < EACH and sum(busy[each] for each in busy if each[1] == domain) < IN_FLIGHT

    async def _leased(self, tenant: UUID, domain: str, line: Types) -> CommandRecord | None:
        async with self._store.transaction(tenant) as tx:
            wanted = Wanted(domain, 1, tx.now + self._lasts, uuid4(), line)
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
