"""What is in force now is told from memory: pictures of what is asked for most, each swapped whole."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Collection, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

import structlog

from application.ports.cache import SettingCache
from application.ports.store import News, Store
from application.settings.claims import Place
from application.settings.developing import Snapshot, brought_up, developed, onward
from application.settings.footings import Footings
from application.settings.sharing import SharedSettings
from application.settings.tally import Tally
from domain.environments import Environment

log = structlog.get_logger()

GRACE = 0.1
"""Seconds for which what is held is told on, while what another process wrote is read; after news of it was heard."""
_MOST_WARMED_UP = 100
_AT_A_TIME = 4
"""So many environments are read behind the backs of those who ask, who need the database, too."""


@dataclass(frozen=True)
class Room:
    """How much is held: environments, and what they say, counted in definitions and entries; the latest one always.

    A question waits `patience` seconds for the whole of an environment before its keys are read by themselves. Where
    the room is full another environment is let in at its `worth`th question.
    """

    places: int = 1_000
    entries: int = 300_000
    patience: float = 0.05
    worth: int = 8


class Turn:
    """One load of a place at a time; `done` is the number of the last that succeeded."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.begun = self.done = 0


@dataclass(frozen=True)
class Doubt:
    """When the first news was heard that is not in what is held, and the last; `own` was written by this process."""

    first: float
    last: float
    own: bool


class SettingSnapshots:
    """What is told from here is never older than what this process wrote, or has heard that another one wrote."""

    def __init__(
        self,
        store: Store,
        news: News,
        clock: Callable[[], datetime],
        cache: SettingCache | None = None,
        room: Room = Room(),
    ) -> None:
        self.tally = Tally()
        self._store = store
        self._news = news
        self._clock = clock
        self._room = room
        self._shared = None if cache is None else SharedSettings(store, cache, self.tally)
        self._footings = Footings(store, news, clock, self._shared)
        self._held: OrderedDict[Place, Snapshot] = OrderedDict()
        self._doubts: dict[Place, Doubt] = {}
        self._turns: WeakValueDictionary[Place, Turn] = WeakValueDictionary()
        self._size = 0
        self._loads: dict[Place, tuple[asyncio.Task[None], float]] = {}
        self._behind: set[asyncio.Task[None]] = set()
        self._hands = asyncio.Semaphore(_AT_A_TIME)

    async def get(self, tenant: UUID, environment: Environment, keys: Collection[str] | None = None) -> Snapshot | None:
        """Of these keys at least, or of all. None: ask the database, because nobody would say that it is out of date.

        Or because what is asked for is not held yet, and too much, or nothing, is shared of it.
        """
        if not self._news.alive:
            return None
        place = tenant, environment
        snapshot, many = self._held.get(place), 1 if keys is None else len(keys)
        if snapshot is not None and snapshot.line == self._news.line and self._told_on(place):
            self.tally.first_hits += many
            self._held.move_to_end(place)
            return snapshot
        self.tally.first_misses += many
        return await (self._load(place) if keys is None else self._cold(place, keys))

    async def follow(self) -> None:
        """Runs as long as the process: news of one place re-reads it, doubt about the line re-reads them all."""
        if self._shared is not None:
            self._do(self._warm_up(self._shared))
        try:
            async for word in self._news.listen():
                for place in [word] if word is not None else {*self._held, *self._turns}:
                    self._footings.forget(place)
                    self._doubt(place)
        finally:
            for task in self._behind:
                task.cancel()

    async def refresh(self, tenant: UUID, *environments: Environment) -> None:
        """What is committed by now is told from now on. What cannot be read is forgotten, and read when asked for."""
        for place in [(tenant, environment) for environment in environments]:
            self._footings.forget(place)
            if place in self._held:
                await self._again(place)
            else:
                self._doubt(place, own=True)

    def held(self) -> list[tuple[Environment, Snapshot]]:
        """What this process has in memory at the moment, of every tenant."""
        return [(environment, snapshot) for (_, environment), snapshot in self._held.items()]

    async def settled(self) -> None:
        """When all that was heard by now is told."""
        while self._behind:
            await asyncio.gather(*self._behind, return_exceptions=True)

    async def _cold(self, place: Place, keys: Collection[str]) -> Snapshot | None:
        if place not in self._loads and (self._has_room or self._footings.asked(place) >= self._room.worth):
            load = self._do(self._behind_backs(place))
            self._loads[place] = load, time.monotonic() + self._room.patience
            load.add_done_callback(lambda _: self._loads.pop(place, None))
        if place in self._loads:
            load, until = self._loads[place]
            await asyncio.wait({load}, timeout=max(0, until - time.monotonic()))
        snapshot = self._held.get(place)
        if snapshot is not None and snapshot.line == self._news.line and place not in self._doubts:
            return snapshot
        return await self._footings.some(place, keys)

    @property
    def _has_room(self) -> bool:
        return len(self._held) < self._room.places and self._size < self._room.entries

    def _told_on(self, place: Place) -> bool:
        doubt = self._doubts.get(place)
        return doubt is None or (not doubt.own and time.monotonic() - doubt.first < GRACE)

    def _doubt(self, place: Place, *, own: bool = False) -> None:
        """Of what is held, or being read: it is read again, and nobody waits."""
        if place not in self._held and place not in self._turns:
            return
        now, before = time.monotonic(), self._doubts.get(place)
        first = now if before is None else before.first
        self._doubts[place] = Doubt(first, now, own or (before is not None and before.own))
        self.tally.invalidations += 1
        self._do(self._behind_backs(place))

    async def _behind_backs(self, place: Place) -> None:
        async with self._hands:
            await self._again(place)

    async def _again(self, place: Place) -> None:
        try:
            await self._load(place)
        except Exception as error:  # noqa: BLE001 -- whoever asks next is told the reason; news must go on
            log.warning("settings.forgotten", tenant=str(place[0]), environment=place[1], error=type(error).__name__)

    async def _load(self, place: Place) -> Snapshot:
        """As it is now or later: who waits for a load that began after they came is content with it."""
        turn = self._turns.setdefault(place, Turn())
        came = turn.begun
        async with turn.lock:
            held = self._held.get(place)
            if turn.done > came and held is not None and held.line == self._news.line:
                return held
            turn.begun += 1
            number, began = turn.begun, time.monotonic()
            try:
                fresh = await self._read(place, held)
            except Exception:
                self._forget(place)
                raise
            turn.done = number
            self._keep(place, fresh, began)
            return fresh

    async def _read(self, place: Place, held: Snapshot | None) -> Snapshot:
        line, (tenant, environment) = self._news.line, place
        async with self._store.transaction(tenant) as tx:
            epoch = -1 if held is None else await tx.settings.epoch(environment)
            if held is not None and held.epoch == epoch:
                return onward(held, line)
            if held is not None and held.line == line and held.epoch < epoch:
                written = await tx.settings.written_since(environment, held.mark)
            else:  # on another line there may be another server, to which a mark means something else
                written, held = await tx.settings.picture(environment), None
        if held is None:
            fresh = await developed(tenant, written, line, self._clock)
            if self._shared is not None:
                self._do(self._shared.ask(place, len(written.definitions)))
            return fresh
        fresh = await brought_up(held, written, line)
        if self._shared is not None:
            keys = {*written.definitions, *(each.key for each in written.entries)}
            self._do(self._shared.tell(place, held.epoch, fresh.picture(environment, keys), keys))
        return fresh

    def _keep(self, place: Place, fresh: Snapshot, began: float) -> None:
        before = self._held.pop(place, None)
        self._held[place] = fresh
        self._size += fresh.size - (0 if before is None else before.size)
        doubt = self._doubts.pop(place, None)
        if doubt is not None and doubt.last >= began:
            self._doubts[place] = replace(doubt, first=began)
        while len(self._held) > 1 and (len(self._held) > self._room.places or self._size > self._room.entries):
            self._forget(next(iter(self._held)))

    def _forget(self, place: Place) -> None:
        gone = self._held.pop(place, None)
        self._size -= 0 if gone is None else gone.size
        self._doubts.pop(place, None)

    async def _warm_up(self, shared: SharedSettings) -> None:
        """What was asked of other processes, or of this one before it was started anew, will be asked again."""
        for place in await shared.places(_MOST_WARMED_UP):
            if self._has_room:
                await self._again(place)

    def _do(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._behind.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._behind.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.warning("settings.not_shared", error=type(error).__name__)


@asynccontextmanager
async def told_after(
    snapshots: SettingSnapshots | None, tenant: UUID, *environments: Environment
) -> AsyncIterator[None]:
    """Around a transaction: once it is committed, the snapshots of its own process tell what it wrote."""
    yield
    if snapshots is not None:
        await snapshots.refresh(tenant, *environments)
