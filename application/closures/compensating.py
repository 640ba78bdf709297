"""Until its gates are closed a close is taken back whole: gates, tasks and votes are as if it had never been asked."""

from dataclasses import replace
from uuid import UUID

from application.closing import closed
from application.closures.facts import aim_of
from application.closures.gates import give_back
from application.closures.stand import RunStep, Stand
from application.closures.steps import locked, move, stand_of
from application.closures.telling import tell_end, tell_voters
from application.ports.store import Store, Transaction
from application.recording import record
from domain.approvals import Standing
from domain.audit import Action
from domain.changes import ChangeStatus
from domain.closures import ClosureRun, RunState
from domain.people import Actor


class Compensating:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def end(self, step: RunStep, state: RunState, why: str) -> Stand:
        """One that is over, or whose gates are closed, stays what it is."""
        async with self._store.transaction(step.tenant) as tx:
            run = await locked(tx, step.run)
            if not (run.over or run.committed):
                run = await undone(tx, run, step, state, why)
            return await stand_of(tx, run, step)


async def undone(  # noqa: PLR0913 -- what ends and how, and who ended it and why
    tx: Transaction,
    run: ClosureRun,
    step: RunStep,
    state: RunState,
    cause: str,
    *,
    actor: Actor | None = None,
    reason: str | None = None,
) -> ClosureRun:
    place = (await aim_of(tx, run)).place
    await give_back(tx, run, place, actor, reason or cause.replace("_", " "))
    tasks = await tx.closures.tasks(run.id)
    await tx.closures.put_tasks([task.cancel(tx.now) for task in tasks])
    await call_off(tx, run.approval, Standing.WITHDRAWN)
    ended = await move(tx, run, run.moved(state), step, cause, actor=actor, reason=reason)
    await tell_end(tx, ended, tasks, reason or cause)
    return ended


async def call_off(tx: Transaction, change_id: UUID | None, standing: Standing) -> None:
    """Nobody is asked any more; what was answered already stays as it was answered."""
    change = await tx.changes.get(change_id, lock=True) if change_id else None
    if change is None:
        return
    approval = await tx.approvals.get(change.id, lock=True)
    if approval is not None and approval.standing in {Standing.PENDING, Standing.APPROVED}:
        await closed(tx, change.id, standing)
        if standing is Standing.INVALIDATED:
            await tell_voters(tx, change, approval)
    if change.status is ChangeStatus.SUBMITTED:
        await tx.changes.save_status(replace(change, status=ChangeStatus.WITHDRAWN, revision=change.revision + 1))
        await record(tx, Action.CHANGE_WITHDRAWN, ("change", change.id), change=change.id)
