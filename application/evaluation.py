"""Evaluation reads an immutable snapshot in memory: no lock, no database, no Temporal."""

import asyncio
from collections.abc import Callable
from uuid import UUID

import structlog

from application.ports.store import FlagChanges, Store
from domain.environments import Environment
from domain.errors import Unavailable
from domain.flags import Bucketing, FlagSet, compile_flag_set

log = structlog.get_logger()

Place = tuple[UUID, Environment]


class FlagSets:
    """One snapshot for each tenant and environment that somebody asked for, swapped when news arrives."""

    def __init__(self, store: Store, news: FlagChanges, now: Callable[[], float]) -> None:
        self._store = store
        self._news = news
        self._now = now
        self._loaded: dict[Place, FlagSet] = {}
        self._loading: dict[Place, asyncio.Lock] = {}

    @property
    def listening(self) -> bool:
        """Whether a change made elsewhere would be heard now."""
        return self._news.alive

    def at_hand(self, tenant: UUID, environment: Environment) -> FlagSet | None:
        """The snapshot in memory, or None before the first question for this place."""
        return self._loaded.get((tenant, environment))

    async def get(self, tenant: UUID, environment: Environment) -> FlagSet:
        return self.at_hand(tenant, environment) or await self._load((tenant, environment), newer_than=-1)

    async def follow(self) -> None:
        """Runs as long as the process: news of one place re-reads it, doubt about the line re-reads them all."""
        async for place in self._news.listen():
            for known in [place] if place is not None else list(self._loaded):
                if known in self._loaded:
                    await self._refresh(known)

    async def _refresh(self, place: Place) -> None:
        try:
            await self._load(place, newer_than=self._loaded[place].revision)
        except Unavailable:
            log.warning("flags.refresh_failed", tenant=str(place[0]), environment=place[1].value)

    async def _load(self, place: Place, *, newer_than: int) -> FlagSet:
        tenant, environment = place
        async with self._loading.setdefault(place, asyncio.Lock()):
            present = self._loaded.get(place)
            if present is not None and present.revision > newer_than:
                return present
            async with self._store.transaction(tenant) as tx:
                stored = await tx.flags.flag_set(environment)
            if present is not None and present.revision >= stored.revision:
                return present
            flags = compile_flag_set(
                stored.flags,
                revision=stored.revision,
                bucketing=Bucketing(stored.bucketing),
                metadata=stored.metadata,
                evaluators=stored.evaluators,
                now=self._now,
            )
            self._loaded[place] = flags
            log.info("flags.loaded", tenant=str(tenant), environment=environment.value, revision=stored.revision)
            return flags
