"""The reopening that waits for a close hears of its end at once, and would find it by itself later."""

from uuid import UUID

import structlog

from application.ports.processes import Processes
from application.ports.store import Store
from domain.closures import ReopeningState
from domain.errors import Unavailable

log = structlog.get_logger()


class Announcing:
    def __init__(self, store: Store, processes: Processes) -> None:
        self._store = store
        self._processes = processes

    async def ended(self, tenant: UUID, run_id: UUID) -> None:
        async with self._store.transaction(tenant) as tx:
            run = await tx.closures.get(run_id)
            running = await tx.reopenings.running(run.entity) if run and run.over else []
        for reopening in running:
            if reopening.state is ReopeningState.SHUT and run_id in {each.closure for each in reopening.recertified}:
                try:
                    await self._processes.reopening_told(reopening)
                except Unavailable:
                    log.warning("reopening.not_told", reopening=str(reopening.id))
