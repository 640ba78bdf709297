"""What was committed reaches Temporal, however often a process dies in between."""

import asyncio

from application.bulks.asking import carry_on_waiting_bulk
from application.closure_series.asking import carry_on_waiting_series
from application.closures.starting import start_waiting_closure
from application.ports.processes import Processes
from application.ports.records import Waiting, WaitingKind
from application.ports.store import Store
from application.reopenings.asking import start_waiting_reopening
from application.rounds import again_and_again, attended
from application.settings.imports import start_waiting_import
from application.submission import start_waiting

_AT_ONCE = 4
_MOST = {
    WaitingKind.KILLED: 200,
    WaitingKind.ROLLOUT: 200,
    WaitingKind.IMPORT: 50,
    WaitingKind.CLOSURE: 50,
    WaitingKind.REOPENING: 50,
    WaitingKind.SERIES: 50,
    WaitingKind.BULK: 50,
}


class Sweeper:
    def __init__(self, store: Store, processes: Processes, *, pause: float = 1.0) -> None:
        """Messages have a courier of their own: a receiver that hangs must not hold up a start."""
        self._store = store
        self._processes = processes
        self._pause = pause

    async def run(self) -> None:
        """Until cancelled; an outage of the database or of Temporal only delays it."""
        await again_and_again("sweep", self.sweep, self._pause)

    async def sweep(self) -> int:
        """One round; how many rows it attended to. A row that fails holds no other up."""
        waiting = await self._store.waiting()
        # A share of each kind: after an outage thousands may wait, and the same process counts votes and checks gates.
        rows = [row for kind in _MOST for row in [each for each in waiting if each.kind is kind][: _MOST[kind]]]
        gate = asyncio.Semaphore(_AT_ONCE)
        await asyncio.gather(*(self._tried(row, gate) for row in rows))
        return len(rows)

    async def _tried(self, row: Waiting, gate: asyncio.Semaphore) -> None:
        async with gate:
            await attended(self._attend(row), what=row.kind.value, id=str(row.id))

    async def _attend(self, row: Waiting) -> None:
        match row.kind:
            case WaitingKind.ROLLOUT:
                await start_waiting(self._store, self._processes, row.tenant, row.id)
            case WaitingKind.KILLED:
                await self._processes.killed(row.id)
            case WaitingKind.IMPORT:
                await start_waiting_import(self._store, self._processes, row.tenant, row.id)
            case WaitingKind.CLOSURE:
                await start_waiting_closure(self._store, self._processes, row.tenant, row.id)
            case WaitingKind.REOPENING:
                await start_waiting_reopening(self._store, self._processes, row.tenant, row.id)
            case WaitingKind.SERIES:
                await carry_on_waiting_series(self._store, self._processes, row.tenant, row.id)
            case WaitingKind.BULK:
                await carry_on_waiting_bulk(self._store, self._processes, row.tenant, row.id)
