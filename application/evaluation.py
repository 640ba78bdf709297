"""Evaluation reads an immutable snapshot in memory: no lock, no database, no Temporal."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Self
from uuid import UUID

import structlog

from application.ports.cache import SnapshotCache
from application.ports.records import FlagSetRecord
from application.ports.store import News, Store
from domain.environments import Environment
from domain.errors import Unavailable
from domain.flags import Bucketing, FlagSet, compile_flag_set
from domain.flags.publishing import Publication, published_set
from domain.json_value import same

log = structlog.get_logger()

Place = tuple[UUID, Environment]
_PAUSE_SECONDS = 0.5
_PATIENCE_SECONDS = 2.0


@dataclass
class Shelf:
    """Where the snapshot of one place stands: `flags` is swapped whole, and whoever holds the shelf sees the newest.

    It is compiled from `published`, which is made of what is `stored`.
    """

    flags: FlagSet
    stored: FlagSetRecord
    published: Publication
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def of(cls, stored: FlagSetRecord, now: Callable[[], float]) -> Self:
        bucketing = Bucketing(stored.bucketing)
        published = published_set(stored.flags, stored.evaluators, bucketing)
        flags = compile_flag_set(
            published.flags,
            revision=stored.revision,
            bucketing=bucketing,
            metadata=stored.metadata,
            evaluators=published.shared,
            now=now,
        )
        return cls(flags, stored, published)

    def take(self, stored: FlagSetRecord, now: Callable[[], float]) -> None:
        """A newer revision: only what changed is published and compiled again, unless what all flags share changed."""
        if same(_shared(stored), _shared(self.stored)):
            old = self.stored.flags
            changed = {
                key: stored.flags.get(key)
                for key in old.keys() | stored.flags.keys()
                if not same(old.get(key), stored.flags.get(key))
            }
            published = self.published.with_flags(changed)
            flags = recompiled(self.flags.at(stored.revision), self.published, published)
        else:
            anew = Shelf.of(stored, now)
            published, flags = anew.published, anew.flags
        self.flags, self.stored, self.published = flags, stored, published
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def newer(self, revision: int) -> None:
        """Returns once a revision behind this one stands here."""
        while self.flags.revision <= revision:
            await self._moved.wait()


class FlagSets:
    """One snapshot for each tenant and environment that somebody asked for, swapped when news arrives."""

    def __init__(self, store: Store, news: News, cache: SnapshotCache, now: Callable[[], float]) -> None:
        self._store = store
        self._news = news
        self._cache = cache
        self._now = now
        self._shelves: dict[Place, Shelf] = {}
        self._loading: dict[Place, asyncio.Lock] = {}

    @property
    def news(self) -> News:
        return self._news

    @property
    def listening(self) -> bool:
        """Whether a change made elsewhere would be heard now."""
        return self._news.alive

    async def get(self, tenant: UUID, environment: Environment) -> FlagSet:
        return (await self.shelf(tenant, environment)).flags

    async def shelf(self, tenant: UUID, environment: Environment) -> Shelf:
        """The same one as long as the process lives."""
        return self._shelves.get((tenant, environment)) or await self._load((tenant, environment))

    async def at_least(self, place: Place, revision: int | None) -> None:
        """Until this revision is served here, or the newest that the database has; None stands for an unknown one.

        Unavailable when the database does not say so within seconds: then nothing older may be told instead.
        """
        if revision is not None and (await self.shelf(*place)).flags.revision >= revision:
            return
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._load(place, enough=revision)
        except TimeoutError:
            raise Unavailable from None

    async def follow(self) -> None:
        """Runs as long as the process: news of one place re-reads it, doubt about the line re-reads them all."""
        async for place in self._news.listen():
            for known in [place] if place is not None else list(self._shelves):
                if known in self._shelves:
                    await self._refresh(known)

    async def _refresh(self, place: Place) -> None:
        """Until it is read: news that was heard is never dropped."""
        while True:
            try:
                await self._load(place)
            except Unavailable:
                log.warning("flags.refresh_delayed", tenant=str(place[0]), environment=place[1].value)
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                return

    async def _load(self, place: Place, *, enough: int | None = None) -> Shelf:
        """Anew, unless `enough` has been loaded while this waited for its turn."""
        async with self._loading.setdefault(place, asyncio.Lock()):
            present = self._shelves.get(place)
            if present is not None and enough is not None and present.flags.revision >= enough:
                return present
            stored = await self._read(place, present.stored.revision if present else -1)
            if stored is None and present is not None:
                return present
            if stored is None:
                raise LookupError(f"the environment {place[1]} has no flag set")
            if present is None:
                present = self._shelves[place] = Shelf.of(stored, self._now)
            else:
                present.take(stored, self._now)
            log.info("flags.loaded", tenant=str(place[0]), environment=place[1].value, revision=stored.revision)
            return present

    async def _read(self, place: Place, newer_than: int) -> FlagSetRecord | None:
        """What the place holds now, from the cache where another process has put it; None when it is not newer."""
        tenant, environment = place
        async with self._store.transaction(tenant) as tx:
            revision = await tx.flags.revision(environment)
            if revision <= newer_than:
                return None
            cached = await self._cache.get(tenant, environment, revision)
            if cached is not None:
                return FlagSetRecord(**json.loads(cached))
            stored = await tx.flags.flag_set(environment)
        await self._cache.put(tenant, environment, stored.revision, json.dumps(asdict(stored)).encode())
        return stored


def recompiled(flags: FlagSet, old: Publication, new: Publication) -> FlagSet:
    """What is compiled of `old`, with what is another in `new` compiled again; they share the same rules."""
    for key in old.flags.keys() | new.flags.keys():
        before, after = old.flags.get(key), new.flags.get(key)
        if before is not after and not same(before, after):
            flags = flags.with_flag(key, after, flags.revision)
    return flags


def _shared(stored: FlagSetRecord) -> tuple[object, ...]:
    return stored.bucketing, stored.metadata, stored.evaluators
