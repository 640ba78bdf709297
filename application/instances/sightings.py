"""Who is seen is remembered in memory and written down together, so that nobody who asks waits for it."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from application.ports.store import Store
from domain.environments import Environment
from domain.errors import Missing, Unavailable
from domain.instances import Holds, Instance

MOST: Final = 10_000
"""Instances of one tenant; who was not seen for longest is forgotten first."""
AGAIN: Final = timedelta(seconds=30)
"""Who says nothing new is written down no more often than this."""
_PAUSE_SECONDS: Final = 1.0
_MOST_KNOWN: Final = 100_000

Place = tuple[UUID, Environment, str]

log = structlog.get_logger()


class Sightings:
    """`see` waits for nothing and raises nothing; what it was told is lost only with the process."""

    def __init__(self, store: Store, now: Callable[[], datetime], *, most: int = MOST) -> None:
        self._store = store
        self._now = now
        self._most = most
        self._fresh: dict[UUID, dict[tuple[Environment, str], Instance]] = {}
        self._gone: dict[UUID, set[tuple[Environment, str]]] = {}
        self._known: dict[Place, tuple[Holds, Holds, datetime]] = {}

    def see(self, tenant: UUID, environment: Environment, name: str, holds: Holds) -> None:
        now, place = self._now(), (tenant, environment, name)
        known = self._known.get(place)
        said = holds
        if known is not None:
            lately = now - known[2] < AGAIN
            if lately and said is known[1]:  # the usual case, which builds and compares nothing
                return
            holds = said.over(known[0])
            if lately and holds == known[0]:
                return
        fresh = self._fresh.setdefault(tenant, {})
        if len(fresh) >= self._most and (environment, name) not in fresh:
            return
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[place] = holds, said, now
        fresh[environment, name] = Instance(environment, name, holds, now)
        self._gone.get(tenant, set()).discard((environment, name))

    def miss(self, tenant: UUID, environment: Environment, name: str) -> None:
        """Nobody will be seen by this name again: what was known of it goes."""
        self._known.pop((tenant, environment, name), None)
        self._fresh.get(tenant, {}).pop((environment, name), None)
        gone = self._gone.setdefault(tenant, set())
        if len(gone) < self._most:
            gone.add((environment, name))

    async def follow(self) -> None:
        """Runs as long as the process; an outage of the database only delays it."""
        while True:
            await asyncio.sleep(_PAUSE_SECONDS)
            try:
                await self.flush()
            except Unavailable as refusal:
                log.warning("instances.delayed", kind=refusal.kind)
            except Exception:  # a defect here must silence nothing else that follows
                log.exception("instances.failed")

    async def flush(self) -> None:
        """Everything that was seen so far is written down; Unavailable leaves it for the next time."""
        for tenant in {**self._fresh, **self._gone}:
            seen, gone = self._fresh.pop(tenant, {}), self._gone.pop(tenant, set())
            try:
                async with self._store.transaction(tenant) as tx:
                    await tx.instances.report(list(seen.values()), most=self._most)
                    await tx.instances.forget(gone)
            except Missing:
                log.warning("instances.of_nobody", tenant=str(tenant))
            except Unavailable:
                newer = self._fresh.get(tenant, {})
                self._gone[tenant] = (gone | self._gone.get(tenant, set())) - newer.keys()
                self._fresh[tenant] = {**seen, **newer}
                raise
