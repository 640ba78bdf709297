"""A period is closed in one transaction: gates, closing entries, certificate and event come together or not at all."""

from dataclasses import replace
from uuid import UUID

from application.closures.certifying import Cut, certificate_of, year_closed
from application.closures.compensating import call_off
from application.closures.facts import Found, aim_of
from application.closures.gates import close_gates, hold
from application.closures.stand import RunStep, Stand
from application.closures.steps import locked, move, part, stand_of
from application.closures.telling import tell_end
from application.closures.validating import checked
from application.closures.working import all_settled, worked
from application.ports.store import Store, Transaction
from application.recording import record
from domain.approvals import Standing
from domain.audit import Action
from domain.changes import DigestTampered
from domain.closures import CheckResult, ClosureRun, ClosureTask, RunState, blockers
from domain.errors import Conflict, Missing


class NotApproved(Conflict):
    """Nobody has approved this yet."""

    kind = "closure-not-approved"


class Closing:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def close(self, step: RunStep) -> Stand:
        """Once, whoever calls how often. What differs from what was approved is not closed: it is checked anew.

        Raises NotApproved, DigestTampered, or what a module refuses.
        """
        async with self._store.transaction(step.tenant) as tx:
            run = await locked(tx, step.run)
            if run.state is RunState.AWAITING_APPROVAL:
                run = await _closed(tx, run, step)
            return await stand_of(tx, run, step)

    async def notify(self, step: RunStep) -> Stand:
        async with self._store.transaction(step.tenant) as tx:
            run = await locked(tx, step.run)
            if run.state is RunState.NOTIFYING:
                run = await move(tx, run, run.moved(RunState.CLOSED), step, "told")
                await tell_end(tx, run, await tx.closures.tasks(run.id), "closed")
            return await stand_of(tx, run, step)


async def _closed(tx: Transaction, run: ClosureRun, step: RunStep) -> ClosureRun:
    await check_approved(tx, run.approval)
    place = (await aim_of(tx, run)).place
    held = await hold(tx, run, place)
    tasks, found = await worked(tx, run, step.name)
    results = await checked(tx, run, found)
    if _moved(run, tasks, found, results):
        return await _checked_anew(tx, run, step, tasks)
    earned, controls = await year_closed(tx, run, place, sorted(held))
    cut = Cut(await close_gates(tx, run, place, held), tuple(controls), tuple(results), found.facts.exclusions, earned)
    certificate = await certificate_of(tx, run, cut)
    closing = await move(tx, run, run.moved(RunState.CLOSING), part(step, "begun"), "approved")
    closed = await move(tx, closing, closing.closed(certificate, tx.now), step, "gates_closed")
    await tx.closures.certify(closed, certificate)
    told = {"number": certificate.number, "digest": certificate.digest, "previous": certificate.previous}
    await record(tx, Action.PERIOD_CERTIFIED, ("period_closure", run.id), actor=run.requester, change=run.approval,
                 after=told)  # fmt: skip
    return closed


async def check_approved(tx: Transaction, change_id: UUID | None) -> None:
    """Raises NotApproved, DigestTampered, Missing."""
    change = await tx.changes.get(change_id) if change_id else None
    approval = await tx.approvals.get(change_id, lock=True) if change_id else None
    if change is None or approval is None:
        raise Missing(kind_of_thing="approval", id=str(change_id))
    if approval.standing is not Standing.APPROVED:
        raise NotApproved(standing=approval.standing.value)
    if not change.intact or change.digest != approval.digest:
        raise DigestTampered(change=str(change_id))


def _moved(run: ClosureRun, tasks: list[ClosureTask], found: Found, results: list[CheckResult]) -> bool:
    return found.snapshot != run.snapshot or not all_settled(tasks) or bool(blockers(results))


async def _checked_anew(tx: Transaction, run: ClosureRun, step: RunStep, tasks: list[ClosureTask]) -> ClosureRun:
    """What was approved is not what is there: the yes is void, and the freeze goes on."""
    await call_off(tx, run.approval, Standing.INVALIDATED)
    goal = RunState.VALIDATING if all_settled(tasks) else RunState.TASKS
    back = replace(run.moved(goal), snapshot=None, approval=None)
    return await move(tx, run, back, step, "snapshot_moved")
