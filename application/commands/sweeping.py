"""A lease that ended is extended while somebody carries it out, and taken back when nobody does."""

from datetime import timedelta
from uuid import UUID

import structlog

from application.commands.leases import taken_back
from application.commands.relaying import LASTS
from application.ports.chunks import Chunks
from application.ports.command_runs import CommandRuns
from application.ports.commands import CommandLanes
from application.ports.store import Store
from application.rounds import again_and_again, attended

log = structlog.get_logger()


class CommandSweeper:
    def __init__(
        self,
        store: Store,
        lanes: CommandLanes,
        chunks: Chunks,
        runs: CommandRuns | None = None,
        *,
        pause: float = 5.0,
        lasts: timedelta = LASTS,
    ) -> None:
        self._store = store
        self._lanes = lanes
        self._chunks = chunks
        self._runs = runs
        self._pause = pause
        self._lasts = lasts

    async def run(self) -> None:
        """Until cancelled; an outage of the database or of Temporal only delays it."""
        await again_and_again("command-leases", self.sweep, self._pause)

    async def sweep(self) -> int:
        """One round; how many commands were taken back. A lease that fails holds no other up."""
        taken = 0
        for tenant, lease in await self._lanes.ended_leases():
            taken += await attended(self._seen(tenant, lease), what="command-lease", lease=str(lease)) or 0
        return taken

    async def _seen(self, tenant: UUID, lease: UUID) -> int:
        if not await self._chunks.alive(lease) and not await self._carried(tenant, lease):
            taken = await taken_back(self._store, tenant, lease)
            log.warning("commands.taken_back", lease=str(lease), commands=taken)
            return taken
        async with self._store.transaction(tenant) as tx:
            await tx.commands.extend(lease, tx.now + self._lasts)
        return 0

    async def _carried(self, tenant: UUID, lease: UUID) -> bool:
        """By the workflow of the one command that it may hold."""
        if self._runs is None:
            return False
        async with self._store.transaction(tenant) as tx:
            held = await tx.commands.leased(lease)
        return len(held) == 1 and await self._runs.alive(held[0])
