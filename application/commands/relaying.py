"""What is due is leased, a part of each lane in turn, and its execution is started."""

from collections import Counter
from collections.abc import AsyncGenerator, Collection, Hashable
from contextlib import aclosing
from datetime import timedelta
from typing import Final, Self

import structlog
from temporal_outbox.events import Deaf, Delayed, Event, LaneFailed
from temporal_outbox.relay import Due, Pace, Relay, room

from application.commands.handling import Handlers
from application.commands.leading import LeadingAlone
from application.commands.leasing import Lane, Leased, Leasing
from application.ports.chunks import Chunks
from application.ports.command_runs import CommandRuns
from application.ports.commands import CommandLanes, CommandNews, Types
from application.ports.store import Store
from application.rounds import attended
from domain.commands import CommandRecord
from domain.errors import Refusal, Unavailable

MOST: Final = 200
"""Commands of one lane in one lease: each costs a quarter less than in one of 100. Fifty at most begin at once."""
IN_FLIGHT: Final = 8
EACH: Final = 4
"""Leases of one relay that have not ended, of a domain and of a lane: one that is slow holds up nobody else.

And what is not leased yet can still be overtaken by what is more urgent. Those whose workers vanished before are
executed one by one: they have a lease of a lane at a time, beside these.
"""
SLOW: Final = 48
SLOW_EACH: Final = 16
"""Beside these, of a domain and of a lane, leases with calls to others that take longer than `PACE.slow`.

More of them take the places of those. A lane has as many calls at a time in a worker (`gates.OF_A_LANE`).
"""
PACE: Final = Pace(busy=0.2, idle=1.0, outage=0.2, longest_outage=0.2, slow=5.0, listens=timedelta(seconds=3))
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
        self._leasing = Leasing(store, handlers, LASTS)
        self._chunks = chunks
        self._handlers = handlers
        self._announced = False
        self._most = most
        self._alone: LeadingAlone | None = None
        self._promoted: set[Lane] = set()

    def leading(self, runs: CommandRuns) -> None:
        self._alone = LeadingAlone(self._leasing, runs, self._handlers)

    async def due(self) -> Due[Lane]:
        if not self._announced:
            await self.lanes.put_command_types(self._handlers.known())
            self._announced = True
        await self._leasing.give_back_loose()
        lanes = [lane for lane in await self.lanes.due_commands() if lane[1] in self._handlers.domains]
        self._promoted = await self.lanes.due_alone() if lanes and self._alone is not None else set()
        return Due(lanes, soon=any(self._leasing.paced(domain) for _, domain in lanes))

    async def reach(self) -> None:
        await self._chunks.ping()

    async def lease(self, lane: Lane, busy: Counter[Hashable]) -> AsyncGenerator[Leased]:
        """Long ones as there is room for them, and one lease of what is executed together."""
        if self._alone is not None:
            async with aclosing(self._alone.lease(lane, busy, promoted=lane in self._promoted)) as long:
                async for each in long:
                    yield each
        if _left(busy, lane) > 0:
            suspects = room(busy, {("suspects", lane): 1, ("suspects", lane[1]): IN_FLIGHT}) > 0
            leased = await self._leasing.lease(lane, self._most, Types(self._handlers.alone, suspects=suspects))
            if leased.records:
                yield leased

    def counts(self, lease: Leased) -> Collection[Hashable]:
        domain = lease.lane[1]
        if self._alone is not None and lease.long:
            return self._alone.counts(lease.lane)
        if lease.records[0].crashes:
            return ("suspects", lease.lane), ("suspects", domain)
        return lease.lane, domain

    def counts_slow(self, lease: Leased) -> Collection[Hashable]:
        """Whoever is called may hang, and holds up nobody who calls others; a database that is slow gets no more."""
        counted = self.counts(lease)
        if lease.lane in counted and any(map(self._calls, lease.records)):
            return tuple(("slow", key) for key in counted)
        return counted

    async def begin(self, lease: Leased) -> None:
        if self._alone is not None and lease.long:
            await self._alone.begin(lease)
        else:
            await self._chunks.start(*lease.lane, lease.id)

    async def give_back(self, lease: Leased) -> None:
        await self._leasing.give_back(lease)

    async def over(self, lease: Leased) -> None:
        if self._alone is not None and lease.long:
            await self._alone.over(lease)
        else:
            await attended(self._chunks.over(lease.id), what="commands", lease=str(lease.id))

    async def listen(self, lasting: timedelta) -> None:
        await self.lanes.listen_for_commands(lasting)

    def _calls(self, record: CommandRecord) -> bool:
        handler = self._handlers.find(record.command)
        return handler is not None and not handler.transactional


def _left(busy: Counter[Hashable], lane: Lane) -> int:
    """How many leases more there may be of what is executed together."""
    bounds: dict[Hashable, tuple[int, int]] = {lane: (EACH, SLOW_EACH), lane[1]: (IN_FLIGHT, SLOW)}
    return room(busy, {key: most - max(0, busy["slow", key] - apart) for key, (most, apart) in bounds.items()})


def _log(event: Event) -> None:
    match event:
        case Delayed():
            refusal = event.error.kind if isinstance(event.error, Refusal) else str(event.error)
            log.warning("round.delayed", loop="commands", refusal=refusal)
        case LaneFailed(lane=(tenant, domain)):
            log.error("lane.failed", tenant=str(tenant), domain=domain, exc_info=event.error)
        case Deaf():
            log.error("row.failed", what="commands", exc_info=event.error)
