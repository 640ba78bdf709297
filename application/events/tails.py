"""A tenant's newest events are read once for all who watch it: when there is word of them, and every second anyway."""

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from application.ports.store import News, Store
from domain.errors import Unavailable
from domain.events import Event

AT_ONCE = 500
_READ = 1000
_KEPT = 2000
_POLL_SECONDS = 1.0

log = structlog.get_logger()


@dataclass
class Tail:
    """The events between `floor` and `position`, of which the oldest are let go."""

    floor: int
    position: int
    events: list[Event] = field(default_factory=list)
    watchers: int = 0
    stirred: asyncio.Event = field(default_factory=asyncio.Event)
    growth: asyncio.Event = field(default_factory=asyncio.Event)
    reading: asyncio.Task[None] | None = None

    def grow(self, events: list[Event]) -> None:
        if not events:
            return
        self.events += events
        self.position = events[-1].position or self.position
        if len(self.events) > _KEPT:
            cut = len(self.events) - _KEPT
            self.floor = self.events[cut - 1].position or self.floor
            del self.events[:cut]
        grown, self.growth = self.growth, asyncio.Event()
        grown.set()

    def after(self, position: int) -> list[Event] | None:
        """A part of them; None where the database has to be asked."""
        if not self.floor <= position <= self.position:
            return None
        start = bisect_right(self.events, position, key=lambda event: event.position or 0)
        return self.events[start : start + AT_ONCE]

    async def beyond(self, position: int) -> None:
        """Ends when there is more."""
        while self.position <= position:
            await self.growth.wait()


class Tails:
    """One for each tenant that somebody watches through this process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tails: dict[UUID, Tail] = {}

    async def follow(self, news: News) -> None:
        """Runs as long as the process."""
        async for place in news.listen():
            stirred = [self._tails.get(place[0])] if place is not None else list(self._tails.values())
            for tail in stirred:
                if tail is not None:
                    tail.stirred.set()

    @asynccontextmanager
    async def held(self, tenant: UUID) -> AsyncIterator[Tail]:
        tail = self._tails.get(tenant)
        if tail is None:
            async with self._store.transaction(tenant) as tx:
                present = (await tx.events.line()).position
            tail = self._tails.get(tenant) or self._begun(tenant, present)
        tail.watchers += 1
        try:
            yield tail
        finally:
            tail.watchers -= 1
            if not tail.watchers and tail.reading is not None:
                del self._tails[tenant]
                tail.reading.cancel()

    def _begun(self, tenant: UUID, present: int) -> Tail:
        tail = self._tails[tenant] = Tail(present, present)
        tail.reading = asyncio.create_task(self._read(tenant, tail))
        return tail

    async def _read(self, tenant: UUID, tail: Tail) -> None:
        while True:
            events: list[Event] = []
            try:
                async with self._store.transaction(tenant) as tx:
                    events = await tx.events.after(tail.position, _READ)
            except Unavailable:
                log.warning("watch.delayed", tenant=str(tenant))
            tail.grow(events)
            if len(events) == _READ:
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_SECONDS):
                    await tail.stirred.wait()
            tail.stirred.clear()
