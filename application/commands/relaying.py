"""What is due is leased, a part of each lane in turn, and its execution is started."""

from collections import Counter
from collections.abc import AsyncGenerator, Collection, Hashable
from contextlib import aclosing
from datetime import timedelta
from typing import Final, Self
from uuid import uuid4

import structlog
from temporal_outbox.events import Deaf, Delayed, Event, LaneFailed
from temporal_outbox.relay import Due, Pace, Relay, room

from application.commands.handling import Handlers
from application.commands.leading import Lane, LeadingAlone, Leased
from application.commands.leases import given_back
from application.commands.limiting import Limiting, Wanted
from application.commands.moves import told
from application.ports.chunks import Chunks
from application.ports.command_runs import CommandRuns
from application.ports.commands import CommandLanes, CommandNews, Types
from application.ports.store import Store
from application.rounds import attended
from domain.errors import Refusal, Unavailable

MOST: Final = 200
"""Commands of one lane in one lease: each costs a quarter less than in one of 100. Fifty at most begin at once."""
IN_FLIGHT: Final = 8
EACH: Final = 4
"""Leases of one relay that have not ended, of a domain and of a lane: one that is slow holds up nobody else.

And what is not leased yet can still be overtaken by what is more urgent. Those whose workers vanished before are
executed one by one: they have a lease of a lane at a time, beside these.
"""
PACE: Final = Pace(busy=0.2, idle=1.0, outage=0.2, longest_outage=0.2, listens=timedelta(seconds=3))
"""It looks though nobody told it: what becomes due with time is announced by nobody."""
LASTS: Final = timedelta(seconds=60)
"""A lease, unless it is extended."""

log = structlog.get_logger()


class CommandRelay(Relay[Lane, Leased]):
    """For the domains whose handlers this process has. Any number of relays may run: each takes what no other holds."""

    def __init__(
        self,
        store: Store,
        lanes: CommandLanes,
        chunks: Chunks,
        handlers: Handlers,
        news: CommandNews | None = None,
        most: int = MOST,
    ) -> None:
        self.source = CommandSource(store, lanes, chunks, handlers, most)
        super().__init__(self.source, Unavailable, news.listen if news else None, PACE, _log)

    def leading(self, runs: CommandRuns) -> Self:
        """Also what has a workflow of its own, which it leaves to others otherwise."""
        self.source.leading(runs)
        return self


class CommandSource:
    """Answers `temporal_outbox.relay.Source`."""

    def __init__(self, store: Store, lanes: CommandLanes, chunks: Chunks, handlers: Handlers, most: int) -> None:
        self.lanes = lanes
        self._store = store
        self._chunks = chunks
        self._handlers = handlers
        self._limiting = Limiting(handlers)
        self._announced = False
        self._most = most
        self._alone: LeadingAlone | None = None
        self._promoted: set[Lane] = set()

    def leading(self, runs: CommandRuns) -> None:
        self._alone = LeadingAlone(self._store, runs, self._handlers, LASTS)

    async def due(self) -> Due[Lane]:
        if not self._announced:
            await self.lanes.put_command_types(self._handlers.known())
            self._announced = True
        lanes = [lane for lane in await self.lanes.due_commands() if lane[1] in self._handlers.domains]
        self._promoted = await self.lanes.due_alone() if lanes and self._alone is not None else set()
        return Due(lanes, soon=any(self._limiting.paced(domain) for _, domain in lanes))

    async def reach(self) -> None:
        await self._chunks.ping()

    async def lease(self, lane: Lane, busy: Counter[Hashable]) -> AsyncGenerator[Leased]:
        """Long ones as there is room for them, and one lease of what is executed together."""
        if self._alone is not None:
            async with aclosing(self._alone.lease(lane, busy, promoted=lane in self._promoted)) as long:
                async for each in long:
                    yield each
        if room(busy, {lane: EACH, lane[1]: IN_FLIGHT}) > 0:
            suspects = room(busy, {("suspects", lane): 1, ("suspects", lane[1]): IN_FLIGHT}) > 0
            leased = await self._together(lane, suspects=suspects)
            if leased.records:
                yield leased

    def counts(self, lease: Leased) -> Collection[Hashable]:
        domain = lease.lane[1]
        if self._alone is not None and lease.long:
            return self._alone.counts(lease.lane)
        if lease.records[0].crashes:
            return ("suspects", lease.lane), ("suspects", domain)
        return lease.lane, domain

    async def begin(self, lease: Leased) -> None:
        if self._alone is not None and lease.long:
            await self._alone.begin(lease)
        else:
            await self._chunks.start(*lease.lane, lease.id)

    async def give_back(self, lease: Leased) -> None:
        await given_back(self._store, lease.lane[0], lease.id)

    async def over(self, lease: Leased) -> None:
        if self._alone is not None and lease.long:
            await self._alone.over(lease)
        else:
            await attended(self._chunks.over(lease.id), what="commands", lease=str(lease.id))

    async def listen(self, lasting: timedelta) -> None:
        await self.lanes.listen_for_commands(lasting)

    async def _together(self, lane: Lane, *, suspects: bool) -> Leased:
        tenant, domain = lane
        async with self._store.transaction(tenant) as tx:
            types = Types(self._handlers.alone, suspects=suspects)
            wanted = Wanted(domain, self._most, tx.now + LASTS, uuid4(), types)
            records = await self._limiting.lease(tx, wanted)
            await told(tx, records)
        return Leased(lane, wanted.lease, tuple(records))


def _log(event: Event) -> None:
    match event:
        case Delayed():
            refusal = event.error.kind if isinstance(event.error, Refusal) else str(event.error)
            log.warning("round.delayed", loop="commands", refusal=refusal)
        case LaneFailed(lane=(tenant, domain)):
            log.error("lane.failed", tenant=str(tenant), domain=domain, exc_info=event.error)
        case Deaf():
            log.error("row.failed", what="commands", exc_info=event.error)
