"""A freeze lets no more transactions into what is to be closed, here at once and elsewhere once a module says so."""

from application.closures.facts import aim_of
from application.closures.gates import freeze_gates
from application.closures.stand import RunStep, Stand
from application.closures.steps import locked, move, stand_of, taken
from application.closures.working import worked
from application.fences.asking import outstanding, remind
from application.ports.store import Store, Transaction
from domain.closures import ClosureRun, RunState
from domain.fences.fence import MOST_ATTEMPTS

_ASKED_AGAIN = "modules_asked_again"


class Freezing:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def freeze(self, step: RunStep) -> Stand:
        """The gates as they were found are kept. PeriodPending, PeriodClosed or PeriodLocked where one is not open."""
        async with self._store.transaction(step.tenant) as tx:
            run = await locked(tx, step.run)
            if run.state is RunState.PRECHECK:
                aim = await aim_of(tx, run)
                prior = await freeze_gates(tx, run, aim.place)
                run = await move(tx, run, run.frozen(prior), step, "gates_frozen")
            return await stand_of(tx, run, step)

    async def frozen(self, step: RunStep) -> Stand:
        """On to the tasks, once no module is outstanding."""
        async with self._store.transaction(step.tenant) as tx:
            run = await locked(tx, step.run)
            if run.state is RunState.FREEZING and not await outstanding(tx, run.id):
                run = await move(tx, run, run.moved(RunState.TASKS), step, "frozen")
                await worked(tx, run, step.name)
            return await stand_of(tx, run, step)

    async def ask_again(self, step: RunStep) -> Stand:
        """Modules that have not answered are told once more."""
        async with self._store.transaction(step.tenant) as tx:
            run = await locked(tx, step.run)
            if run.state is RunState.FREEZING and not await taken(tx, step):
                lines = await tx.closures.timeline(run.id)
                await remind(tx, run.id, 2 + sum(each.cause == _ASKED_AGAIN for each in lines))
                await move(tx, run, run, step, _ASKED_AGAIN)
            return await stand_of(tx, run, step)

    async def call(self, step: RunStep) -> Stand:
        """Somebody who operates them has to look."""
        async with self._store.transaction(step.tenant) as tx:
            run = await locked(tx, step.run)
            if run.state is RunState.FREEZING and not await taken(tx, step):
                await _overdue(tx, run)
                await move(tx, run, run, step, "modules_overdue")
            return await stand_of(tx, run, step)


async def _overdue(tx: Transaction, run: ClosureRun) -> None:
    await remind(tx, run.id, MOST_ATTEMPTS + 1)
