"""Frozen books are checked, what was found is kept, and of exactly that the approvers are asked."""

from dataclasses import replace

from application.closures.asking import opened
from application.closures.facts import Found
from application.closures.stand import RunStep, Stand
from application.closures.steps import CHECKS_FAIL, CHECKS_HOLD, locked, move, part, stand_of, taken
from application.closures.working import all_settled, worked
from application.ports.store import Store, Transaction
from domain.closures import CheckResult, ClosureRun, RunState, blockers, kept_decisions

_CHECKED = frozenset({RunState.TASKS, RunState.REMEDIATING, RunState.VALIDATING})


class Validating:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def validate(self, step: RunStep) -> Stand:
        """VALIDATING where nothing is in the way, else REMEDIATING; TASKS where a signature holds no more."""
        async with self._store.transaction(step.tenant) as tx:
            run = await locked(tx, step.run)
            if run.state in _CHECKED and not await taken(tx, step):
                run = await _validated(tx, run, step)
            return await stand_of(tx, run, step)

    async def ask(self, step: RunStep) -> Stand:
        """Of what was validated; where the books are others by now, nobody is asked and it is to be validated again."""
        async with self._store.transaction(step.tenant) as tx:
            run = await locked(tx, step.run)
            if run.state is RunState.VALIDATING and not await taken(tx, step):
                tasks, found = await worked(tx, run, step.name)
                results = await tx.closures.results(run.id)
                if found.snapshot == run.snapshot and all_settled(tasks) and not blockers(results):
                    change = await opened(tx, run, tasks, found, results)
                    run = await move(tx, run, run.asked(found.snapshot, change), step, "approval_asked")
            return await stand_of(tx, run, step)


async def checked(tx: Transaction, run: ClosureRun, found: Found) -> list[CheckResult]:
    """With what people said of the same before."""
    return kept_decisions(await tx.closures.results(run.id), found.results)


async def back_to_work(tx: Transaction, run: ClosureRun, step: RunStep, cause: str) -> ClosureRun:
    return await move(tx, run, run.moved(RunState.TASKS), step, cause)


async def _validated(tx: Transaction, run: ClosureRun, step: RunStep) -> ClosureRun:
    tasks, found = await worked(tx, run, step.name)
    if not all_settled(tasks):
        return run if run.state is RunState.TASKS else await back_to_work(tx, run, step, "tasks_open")
    if run.state is not RunState.VALIDATING:
        run = await move(tx, run, run.moved(RunState.VALIDATING), part(step, "begun"), "validating")
    results = await checked(tx, run, found)
    await tx.closures.put_results(run.id, results)
    if blockers(results):
        return await move(tx, run, run.moved(RunState.REMEDIATING), step, CHECKS_FAIL)
    return await move(tx, run, replace(run, snapshot=found.snapshot), step, CHECKS_HOLD)
