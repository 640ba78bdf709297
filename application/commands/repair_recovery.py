"""A decision that waits for another person and has no process gets one, whether it never had any or has lost it."""

import asyncio

import structlog

from application.commands.repairing import begin_waiting_repair
from application.ports.processes import Processes
from application.ports.recovery import OpenRepair, OpenRepairs
from application.rounds import again_and_again, attended
from domain.commands.repairs import workflow_id_of

_AT_ONCE = 4

log = structlog.get_logger()


class CommandRepairRecovery:
    def __init__(self, store: OpenRepairs, processes: Processes, *, pause: float = 5.0) -> None:
        """`pause` in seconds between two looks."""
        self._store = store
        self._processes = processes
        self._pause = pause

    async def run(self) -> None:
        """Until cancelled; an outage of the database or of Temporal only delays it."""
        await again_and_again("command repairs", self.look, self._pause)

    async def look(self) -> int:
        """One round; how many had no process. One that fails holds no other up."""
        found = {workflow_id_of(each.tenant, each.id): each for each in await self._store.open_command_repairs()}
        lost = [found[name] for name in await self._processes.gone(list(found))]
        gate = asyncio.Semaphore(_AT_ONCE)
        await asyncio.gather(*(self._tried(each, gate) for each in lost))
        return len(lost)

    async def _tried(self, each: OpenRepair, gate: asyncio.Semaphore) -> None:
        async with gate:
            log.warning("recovery.process_lost", kind="command-repair", id=str(each.id))
            begin = begin_waiting_repair(self._store, self._processes, each.tenant, each.id)
            await attended(begin, what="command-repair", id=str(each.id))
