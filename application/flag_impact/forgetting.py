"""Sampled contexts are forgotten in time, whether or not anybody still evaluates flags there."""

from uuid import UUID

from application.acting import Clock
from application.flag_impact.collecting import KEPT
from application.ports.purging import OldSamples
from application.rounds import again_and_again, attended


class Forgetting:
    """Any number of workers may do so."""

    def __init__(self, store: OldSamples, clock: Clock, *, pause: float = 3600.0) -> None:
        self._store = store
        self._clock = clock
        self._pause = pause

    async def run(self) -> None:
        """Until cancelled; an outage of the database only delays it."""
        await again_and_again("flag-samples", self.look, self._pause)

    async def look(self) -> None:
        for tenant in await self._store.tenants_of_old_samples(self._clock() - KEPT):
            await attended(self._forget(tenant), what="flag-samples", tenant=str(tenant))

    async def _forget(self, tenant: UUID) -> None:
        async with self._store.transaction(tenant) as tx:
            await tx.flag_samples.forget(tx.now - KEPT)
