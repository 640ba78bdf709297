"""What has a workflow of its own, by its type or for itself, is leased alone and handed to it; it holds up no other."""

from collections import Counter, deque
from collections.abc import AsyncGenerator, Collection, Hashable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias
from uuid import UUID, uuid4

from temporal_outbox.relay import room

from application.commands.handling import Handlers
from application.commands.limiting import Limiting, Wanted
from application.commands.moves import told
from application.ports.command_runs import CommandRuns
from application.ports.commands import Types
from application.ports.store import Store
from application.rounds import attended
from domain.commands import CommandRecord, name_of

IN_FLIGHT: Final = 50
EACH: Final = 20
"""Long commands of one relay that have not ended, of a domain and of a tenant in it."""

Lane: TypeAlias = tuple[UUID, str]
"""A tenant and a domain."""


@dataclass(frozen=True)
class Leased:
    """Commands of one lane in one lease; or one that is `long`, which has a workflow of its own."""

    lane: Lane
    id: UUID
    records: tuple[CommandRecord, ...]
    long: bool = False

    def __len__(self) -> int:
        return len(self.records)


class LeadingAlone:
    """The part of a relay's source that is for long commands."""

    def __init__(self, store: Store, runs: CommandRuns, handlers: Handlers, lasts: timedelta) -> None:
        self._store = store
        self._runs = runs
        self._lines = [Types(handlers.alone, only=True), Types(handlers.alone, alone=True)]
        self._limiting = Limiting(handlers)
        self._lasts = lasts

    async def lease(self, lane: Lane, busy: Counter[Hashable], *, promoted: bool) -> AsyncGenerator[Leased]:
        """As many as there is room for, by turns those of such types and those `promoted`."""
        by_type, by_itself = self._lines
        lines = deque([by_type] if any(each.startswith(f"{lane[1]}.") for each in by_type.names) else [])
        lines.extend([by_itself] if promoted else [])
        in_lane, in_domain = self.counts(lane)
        while lines and room(busy, {in_lane: EACH, in_domain: IN_FLIGHT}) > 0:
            leased = await self._leased(lane, lines[0])
            if leased is None:
                lines.popleft()
                continue
            yield leased
            lines.rotate()

    def counts(self, lane: Lane) -> Collection[Hashable]:
        return ("long", lane), ("long", lane[1])

    async def begin(self, lease: Leased) -> None:
        await self._runs.start(lease.records[0])

    async def over(self, lease: Leased) -> None:
        (record,) = lease.records
        await attended(self._runs.over(record), what="long-command", command=name_of(record.key))

    async def _leased(self, lane: Lane, line: Types) -> Leased | None:
        tenant, domain = lane
        async with self._store.transaction(tenant) as tx:
            wanted = Wanted(domain, 1, tx.now + self._lasts, uuid4(), line)
            records = await self._limiting.lease(tx, wanted)
            await told(tx, records)
        return Leased(lane, wanted.lease, tuple(records), long=True) if records else None
