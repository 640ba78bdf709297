"""Contexts are sampled in memory and written down together, redacted; who evaluates waits for nothing."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from heapq import nsmallest
from typing import Any, Final
from uuid import UUID

import structlog

from application.ports.store import News, Store, Transaction
from domain.environments import Environment
from domain.errors import Missing, Unavailable
from domain.flags.sampling import LARGEST, sampled

KEPT: Final = timedelta(days=30)
"""For how long a context is kept that is not seen again."""
_PAUSE_SECONDS: Final = 5.0

Place = tuple[UUID, Environment]
Contexts = dict[int, Mapping[str, Any]]

log = structlog.get_logger()


class Reservoir:
    """Contexts that were asked about at one place since they were taken last, each once; open where some are wanted.

    Those whose bytes have the smallest hashes stay, so that a full reservoir costs one comparison.
    """

    __slots__ = ("_below", "_capacity", "_contexts", "open")

    def __init__(self) -> None:
        self.open = False
        self._capacity = 0
        self._below: int | None = None
        self._contexts: Contexts = {}

    def set(self, capacity: int) -> None:
        """0 closes it, and nothing stays in it."""
        self.open, self._capacity = capacity > 0, capacity
        if not self.open:
            self.taken()

    def offer(self, body: bytes, context: Mapping[str, Any]) -> None:
        """`body` is what the context came in."""
        mark = hash(body)
        if (self._below is not None and mark >= self._below) or len(body) > LARGEST:
            return
        self._contexts[mark] = context
        if len(self._contexts) >= 2 * self._capacity:
            self._cut()

    def taken(self) -> Contexts:
        """At most as many as there is room for; the reservoir is empty then."""
        self._cut()
        taken, self._contexts, self._below = self._contexts, {}, None
        return taken

    def put_back(self, contexts: Contexts) -> None:
        """What could not be written down, unless nothing is wanted any more."""
        if self.open:
            self._contexts.update(contexts)
            self._cut()

    def _cut(self) -> None:
        if len(self._contexts) > self._capacity:
            least = nsmallest(self._capacity, self._contexts)
            self._contexts = {mark: self._contexts[mark] for mark in least}
            self._below = least[-1] if least else None


class Samples:
    """Hears what is to be kept of contexts, and writes it down; lost is only what is of a few seconds."""

    def __init__(self, store: Store, news: News) -> None:
        self._store = store
        self._news = news
        self._reservoirs: dict[Place, Reservoir] = {}
        self._unread: set[Place] = set()
        self._writing = asyncio.Lock()

    def of(self, tenant: UUID, environment: Environment) -> Reservoir:
        """The same one as long as the process lives; it opens moments later, where it is to be."""
        place = (tenant, environment)
        found = self._reservoirs.get(place)
        if found is None:
            found = self._reservoirs[place] = Reservoir()
            self._unread.add(place)
        return found

    async def follow(self) -> None:
        """Runs as long as the process; an outage of the database only delays it."""
        await asyncio.gather(self._hear(), self._write_down())

    async def settle(self) -> None:
        """Everything that was sampled so far is written down, or kept for the next time."""
        await self._attend_to([*self._reservoirs])

    async def _hear(self) -> None:
        async for place in self._news.listen():
            heard = [each for each in self._reservoirs if place in (None, each)]
            self._unread.update(heard)
            await asyncio.shield(asyncio.ensure_future(self._attend_to(heard)))

    async def _write_down(self) -> None:
        while True:
            await asyncio.sleep(_PAUSE_SECONDS)
            # What has begun ends, also when this is cancelled: nothing is written twice, and nothing forgotten.
            await asyncio.shield(asyncio.ensure_future(self.settle()))

    async def _attend_to(self, places: Sequence[Place]) -> None:
        async with self._writing:
            for place in places:
                await self._attend(place)

    async def _attend(self, place: Place) -> None:
        reservoir = self._reservoirs[place]
        contexts = reservoir.taken()
        if not contexts and place not in self._unread:
            return
        self._unread.discard(place)
        try:
            async with self._store.transaction(place[0]) as tx:
                reservoir.set(await _written(tx, place[1], contexts))
        except Missing:
            reservoir.set(0)
        except Unavailable as refusal:
            self._unread.add(place)
            reservoir.put_back(contexts)
            log.warning("flag_samples.delayed", kind=refusal.kind)
        except Exception:  # a defect here must silence nothing else that follows
            log.exception("flag_samples.failed", tenant=str(place[0]))


async def _written(tx: Transaction, environment: Environment, contexts: Contexts) -> int:
    """How many contexts are wanted now: what is chosen is held meanwhile, so nothing is written that is not wanted."""
    stored = await tx.flag_samples.sampling(environment, lock=bool(contexts))
    if stored is None or not stored.sampling.capacity:
        return 0
    kept = [sampled(context, stored.sampling, stored.secret) for context in contexts.values()]
    await tx.flag_samples.add(stored, [each for each in kept if each is not None])
    return stored.sampling.capacity
