"""What is due is leased, a part of each lane in turn, and its execution is started."""

import asyncio
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from typing import Final, Self, TypeAlias
from uuid import UUID, uuid4

import structlog

from application.commands.handling import Handlers
from application.commands.leading import LeadingAlone
from application.commands.leases import given_back
from application.commands.limiting import Limiting, Wanted
from application.commands.moves import told
from application.ports.chunks import Chunks
from application.ports.command_runs import CommandRuns
from application.ports.commands import CommandLanes, CommandNews, Types
from application.ports.store import Store
from application.rounds import attended
from domain.commands import CommandRecord
from domain.errors import Unavailable

MOST: Final = 100
"""Commands of one lane in one lease."""
IN_FLIGHT: Final = 8
EACH: Final = 4
"""Leases of one relay that have not ended, of a domain and of a lane: one that is slow holds up nobody else.

And what is not leased yet can still be overtaken by what is more urgent. Those whose workers vanished before are
executed one by one: they have a lease of a lane at a time, beside these.
"""
PAUSE: Final = 0.2
"""Seconds after an outage, and between two looks where there are no news."""
IDLE: Final = 1.0
"""Seconds after which it looks though nobody told it: what becomes due with time is announced by nobody."""
LISTENS: Final = timedelta(seconds=3)
LASTS: Final = timedelta(seconds=60)
"""A lease, unless it is extended."""

Lane: TypeAlias = tuple[UUID, str]
"""A tenant and a domain."""

log = structlog.get_logger()


class CommandRelay:
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
        self._store = store
        self._lanes = lanes
        self._chunks = chunks
        self._handlers = handlers
        self._limiting = Limiting(handlers)
        self._news = news
        self._heard = asyncio.Event()
        self._announced = False
        self._paced = False
        self._most = most
        self._flying: dict[asyncio.Task[None], Lane] = {}
        self._careful: dict[asyncio.Task[None], Lane] = {}
        self._alone: LeadingAlone | None = None

    def leading(self, runs: CommandRuns) -> Self:
        """Also what has a workflow of its own, which it leaves to others otherwise."""
        self._alone = LeadingAlone(self._store, runs, self._handlers, LASTS, self._heard.set)
        return self

    async def run(self) -> None:
        """Until cancelled; an outage of the database or of Temporal only delays it."""
        hearing = asyncio.create_task(attended(self._hear(), what="commands"))
        try:
            while True:
                try:
                    await self._look()
                except Unavailable as refusal:
                    log.warning("round.delayed", loop="commands", refusal=refusal.kind)
                    await asyncio.sleep(PAUSE)
        finally:
            for task in (hearing, *self._flights()):
                task.cancel()

    async def round(self) -> int:
        """Through what is due, until there is no more of it or no room for it; how many commands were leased."""
        leased = 0
        while found := await self._passed():
            leased += found
        return leased

    async def settled(self) -> None:
        """Once every lease that it led has ended."""
        await asyncio.gather(*self._flights())

    async def _look(self) -> None:
        """Whoever has nothing to do asks to be told, looks once more for what was sent meanwhile, and waits."""
        self._heard.clear()
        if await self.round():
            return
        idle = self._news is not None and not self._flying
        if idle:
            await self._lanes.listen_for_commands(LISTENS)
            if await self.round():
                return
        with suppress(TimeoutError):
            async with asyncio.timeout(IDLE if idle and not self._paced else PAUSE):
                await self._heard.wait()

    async def _hear(self) -> None:
        if self._news is not None:
            async for _ in self._news.listen():
                self._heard.set()

    async def _passed(self) -> int:
        """Each lane has its turn, however much lies in another; first those of which least is executed now."""
        if not self._announced:
            await self._lanes.put_command_types(self._handlers.known())
            self._announced = True
        lanes = [lane for lane in await self._lanes.due_commands() if lane[1] in self._handlers.domains]
        lanes.sort(key=Counter(self._flying.values()).__getitem__)
        self._paced = any(self._limiting.paced(domain) for _, domain in lanes)
        promoted = await self._lanes.due_alone() if lanes and self._alone is not None else set()
        if lanes:
            await self._chunks.ping()
        leased = 0
        for tenant, domain in lanes:
            try:
                if self._alone is not None:
                    leased += await self._alone.lead(tenant, domain, promoted=(tenant, domain) in promoted)
                if self._has_room((tenant, domain)):
                    leased += await self._led((tenant, domain))
            except Unavailable:
                raise
            except Exception:
                log.exception("lane.failed", tenant=str(tenant), domain=domain)
        return leased

    def _has_room(self, lane: Lane) -> bool:
        busy = Counter(self._flying.values())
        return busy[lane] < EACH and sum(busy[each] for each in busy if each[1] == lane[1]) < IN_FLIGHT

    def _has_room_for_suspects(self, lane: Lane) -> bool:
        careful = list(self._careful.values())
        return lane not in careful and sum(each[1] == lane[1] for each in careful) < IN_FLIGHT

    async def _led(self, lane: Lane) -> int:
        lease = uuid4()
        leased = await self._leased(*lane, lease)
        if leased:
            flight = asyncio.create_task(attended(self._chunks.over(lease), what="commands", lease=str(lease)))
            (self._careful if leased[0].crashes else self._flying)[flight] = lane
            flight.add_done_callback(self._landed)
        return len(leased)

    async def _leased(self, tenant: UUID, domain: str, lease: UUID) -> list[CommandRecord]:
        types = Types(self._handlers.alone, suspects=self._has_room_for_suspects((tenant, domain)))
        async with self._store.transaction(tenant) as tx:
            wanted = Wanted(domain, self._most, tx.now + LASTS, lease, types)
            records = await self._limiting.lease(tx, wanted)
            await told(tx, records)
        if records:
            try:
                await self._chunks.start(tenant, domain, lease)
            except Unavailable:
                await given_back(self._store, tenant, lease)
                raise
        return records

    def _flights(self) -> set[asyncio.Task[None]]:
        return {*self._flying, *self._careful, *(self._alone.flights if self._alone is not None else ())}

    def _landed(self, flight: asyncio.Task[None]) -> None:
        self._flying.pop(flight, None)
        self._careful.pop(flight, None)
        self._heard.set()
