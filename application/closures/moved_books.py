"""A close hears within seconds that something was posted beneath it: it looks at the books, whoever signs or votes."""

import time
from collections.abc import Callable
from uuid import UUID

from application.closures.desk import BALANCE_CHANGED
from application.ports.moved_books import MovedBooks, MovedBooksStore
from application.ports.processes import Processes
from application.rounds import again_and_again, attended

QUIET = 5.0
"""Seconds in which a close that was told is not told again, however much is posted."""


class TellingOfBooks:
    """The guard leaves a mark with each posting; it is taken away after the close was told, so that none is lost.

    A close without a process needs no word: it looks at the books when it is found and goes on.
    """

    def __init__(
        self,
        store: MovedBooksStore,
        processes: Processes,
        *,
        pause: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._processes = processes
        self._pause = pause
        self._clock = clock
        self._quiet: dict[UUID, float] = {}

    async def run(self) -> None:
        """Until cancelled; an outage of the database or of Temporal only delays it."""
        await again_and_again("moved books", self.look, self._pause)

    async def look(self) -> int:
        """One round; how many closes were told. One that fails holds no other up."""
        now = self._clock()
        self._quiet = {run: until for run, until in self._quiet.items() if now < until}
        moved = [each for each in await self._store.moved_books() if each.run not in self._quiet]
        for each in moved:
            await attended(self._told(each), what="moved books", id=str(each.run))
        return len(moved)

    async def _told(self, moved: MovedBooks) -> None:
        async with self._store.transaction(moved.tenant) as tx:
            run = await tx.closures.get(moved.run)
        if run is not None and not run.over:
            await self._processes.closure_told(run, BALANCE_CHANGED)
        await self._store.moved_books_told(moved)
        self._quiet[moved.run] = self._clock() + QUIET
