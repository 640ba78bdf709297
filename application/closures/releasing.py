"""A close lets a financial change through that would wait for its end: by name, for a reason, and never one's own."""

from uuid import UUID

from application.changes import existing_change
from application.closures.stand import RunStep
from application.closures.steps import locked, move
from application.locking.closes import release_step
from application.ports.store import Store
from application.recording import record
from domain.audit import Action
from domain.closures import COMMITTED, RunOver, SodViolation
from domain.people import Actor, Permission


class Releasing:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def release(self, actor: Actor, run_id: UUID, change_id: UUID, reason: str) -> None:
        """It is worth nothing once the close is over. Releasing twice changes nothing.

        Raises PermissionMissing, Missing, SodViolation, RunOver.
        """
        actor.require(Permission.PERIODS_CLOSE)
        async with self._store.transaction(actor.tenant) as tx:
            run = await locked(tx, run_id)
            change = await existing_change(tx, change_id)
            if await tx.closures.step(run_id, release_step(change_id)) is not None:
                return
            if run.over or run.state in COMMITTED:
                raise RunOver(run=str(run_id), state=run.state.value)
            if actor.id in change.authors:
                raise SodViolation(change=str(change_id))
            step = RunStep(actor.tenant, run_id, release_step(change_id), tx.now)
            await move(tx, run, run, step, "released", actor=actor, reason=reason)
            told = {"run": str(run_id), "entity": run.entity, "period": run.period_code}
            await record(tx, Action.CLOSURE_RELEASED, ("change", change_id), actor=actor, change=change_id,
                         reason=reason, after=told)  # fmt: skip
