"""What happens to a process in the database is told to its workflow, and where there is none one is started."""

import asyncio
from typing import Final

from application.ports.saga_lanes import SagaLanes, SagaRuns, WaitingSaga
from application.rounds import again_and_again, attended
from application.sagas.declaring import ProcessBook
from domain.sagas import name_of

_AT_ONCE: Final = 8


class SagaRelay:
    """For the domains whose processes this worker has. Any number may run: what is told twice changes nothing.

    A process that lost its workflow gets another, which goes on where the database stands.
    """

    def __init__(self, store: SagaLanes, runs: SagaRuns, book: ProcessBook, *, pause: float = 0.5) -> None:
        """`pause` in seconds between two looks."""
        self._store = store
        self._runs = runs
        self._book = book
        self._pause = pause
        self._announced = False

    async def run(self) -> None:
        """Until cancelled; an outage of the database or of Temporal only delays it."""
        await again_and_again("processes", self.look, self._pause)

    async def look(self) -> int:
        """One round; how many were told. One that fails holds no other up."""
        if not self._announced:
            await self._store.put_process_types(self._book.types())
            self._announced = True
        waiting = [each for each in await self._store.waiting_sagas() if self._serves(each)]
        if waiting:
            await self._runs.ping()
        gate = asyncio.Semaphore(_AT_ONCE)
        await asyncio.gather(*(self._tried(each, gate) for each in waiting))
        return len(waiting)

    def _serves(self, each: WaitingSaga) -> bool:
        return each.key[0].partition(".")[0] in self._book.domains

    async def _tried(self, each: WaitingSaga, gate: asyncio.Semaphore) -> None:
        async with gate:
            await attended(self._told(each), what="process", id=name_of(each.key))

    async def _told(self, each: WaitingSaga) -> None:
        async with self._store.transaction(each.tenant) as tx:
            saga = await tx.sagas.get(each.key)
            starter = await tx.people.actor(saga.starter) if saga and saga.starter else None
        if saga is None:
            return
        await self._runs.carry_on(saga, starter.handle if starter else "")
        async with self._store.transaction(each.tenant) as tx:
            await tx.sagas.mark_told(each.key, each.version)
