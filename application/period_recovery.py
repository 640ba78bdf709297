"""A close or a reopening whose process was ended from outside gets another, which goes on where the database stands."""

import asyncio

import structlog

from application.closures.starting import start_waiting_closure
from application.ports.processes import Processes
from application.ports.records import WaitingKind
from application.ports.recovery import OpenPeriod, OpenPeriods
from application.reopenings.asking import start_waiting_reopening
from application.rounds import again_and_again, attended

_AT_ONCE = 4

log = structlog.get_logger()


class PeriodRecovery:
    """Terminated, timed out, failed or lost with the server that ran it: the database still says that it is open.

    Nothing of it is taken back, unlike a rollout: no entry enters a period that is frozen because nobody looks.
    """

    def __init__(self, store: OpenPeriods, processes: Processes, *, pause: float = 15.0) -> None:
        """`pause` in seconds between two looks."""
        self._store = store
        self._processes = processes
        self._pause = pause

    async def run(self) -> None:
        """Until cancelled; an outage of the database or of Temporal only delays it."""
        await again_and_again("period recovery", self.look, self._pause)

    async def look(self) -> int:
        """One round; how many had no process. One that fails holds no other up."""
        found = await self._store.open_periods()
        gone = await self._processes.gone([each.workflow for each in found])
        lost = [each for each in found if each.workflow in gone]
        gate = asyncio.Semaphore(_AT_ONCE)
        await asyncio.gather(*(self._tried(each, gate) for each in lost))
        return len(lost)

    async def _tried(self, each: OpenPeriod, gate: asyncio.Semaphore) -> None:
        async with gate:
            await attended(self._started(each), what=each.kind.value, id=str(each.id))

    async def _started(self, each: OpenPeriod) -> None:
        """Anew, unless it has ended since it was found or somebody else has started it."""
        log.warning("recovery.process_lost", kind=each.kind.value, id=str(each.id))
        start = start_waiting_closure if each.kind is WaitingKind.CLOSURE else start_waiting_reopening
        await start(self._store, self._processes, each.tenant, each.id)
