"""A worker puts what an environment says into the shared cache, so that no process does while it answers people."""

from typing import Final
from uuid import UUID

import structlog
from pydantic import BaseModel

from application.commands.handling import Order, handles
from application.ports.cache import SettingCache
from application.ports.settings import Picture
from application.ports.store import Store
from application.settings.sharing import put
from domain.canonical import Json
from domain.commands.outcomes import HandlerKind, Transient
from domain.commands.policies import TypePolicy
from domain.environments import Environment
from domain.settings.warming import MOST_WARMED, WARM_SETTINGS

POLICY: Final = TypePolicy(
    max_attempts=20, backoff=(1, 5, 20, 60), depends_on="cache", breaks_after=3, rest_seconds=5, kept_days=7
)
"""It expires before its last attempt, so a cache that is away gives nobody anything to decide."""
ROUNDS: Final = 3

log = structlog.get_logger()


class SettingsToWarm(BaseModel):
    environment: Environment


class Warming:
    """`cache` is None where the installation has none."""

    def __init__(self, store: Store, cache: SettingCache | None) -> None:
        self._store = store
        self._cache = cache

    @handles(WARM_SETTINGS, SettingsToWarm, HandlerKind.EXTERNAL, policy=POLICY)
    async def warm(self, order: Order, asked: SettingsToWarm) -> Json:
        """Until nothing was written meanwhile: whoever asked for it then was told that this command does it."""
        if self._cache is None:
            return {"warmed": 0}
        for _ in range(ROUNDS):
            picture = await self._read(order.tenant, asked.environment)
            keys = len(picture.definitions)
            if keys > MOST_WARMED:
                return {"warmed": 0}
            if not await put(self._cache, (order.tenant, asked.environment), picture):
                raise Transient("cache-away", "the shared cache does not answer")
            if await self._epoch(order.tenant, asked.environment) == picture.epoch:
                log.info("settings.warmed", tenant=str(order.tenant), environment=asked.environment.value, keys=keys)
                return {"warmed": keys, "epoch": picture.epoch}
        raise Transient("still-written", "the environment was written each time that it was put")

    async def _read(self, tenant: UUID, environment: Environment) -> Picture:
        async with self._store.transaction(tenant) as tx:
            return await tx.settings.picture(environment)

    async def _epoch(self, tenant: UUID, environment: Environment) -> int:
        async with self._store.transaction(tenant) as tx:
            return await tx.settings.epoch(environment)
