"""How a close stands, everything that was done in it, and the proof that it left."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from application.closures.stand import RunStep, Stand
from application.closures.steps import CHECKS_FAIL, CHECKS_HOLD, LOOKED_AT, locked, stand_of
from application.fences.asking import outstanding
from application.fences.lapsing import lapse
from application.fences.looking import awaited
from application.periods.places import period_called
from application.ports.closures import Place, RunLine
from application.ports.store import Store, Transaction
from domain.closures import Act, Certificate, CheckResult, ClosureRun, ClosureTask, RunState
from domain.errors import Missing
from domain.fences.telling import Awaited
from domain.people import Actor, Permission


class CheckedBy(StrEnum):
    """A precheck is of books that still move, before the freeze and before the tasks."""

    PRECHECK = "precheck"
    VALIDATION = "validation"


@dataclass(frozen=True)
class Checked:
    """When the books were last checked; `again` once somebody has asked for it since, and it is still to be done."""

    by: CheckedBy
    at: datetime
    again: bool


@dataclass(frozen=True)
class RunView:
    """`results` are those of the last time that the books were checked; `handles` are of whoever is named.

    `waits` are the modules elsewhere that have not acknowledged.
    """

    run: ClosureRun
    tasks: tuple[ClosureTask, ...]
    results: tuple[CheckResult, ...]
    timeline: tuple[RunLine, ...]
    handles: dict[UUID, str]
    waits: tuple[Awaited, ...] = ()

    @property
    def checked(self) -> Checked | None:
        found = None
        for line in self.timeline:
            if line.cause in _CHECKED:
                found = Checked(_CHECKED[line.cause], line.at, again=False)
            elif found is not None and line.cause == Act.REVALIDATE.value:
                found = replace(found, again=not self.run.over)
        return found


_CHECKED = {
    LOOKED_AT: CheckedBy.PRECHECK,
    CHECKS_HOLD: CheckedBy.VALIDATION,
    CHECKS_FAIL: CheckedBy.VALIDATION,
}


class Looking:
    """Each raises PermissionMissing or Missing where it applies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def stand(self, step: RunStep) -> Stand:
        """Looked at while modules are waited for, those that were told anew and stay silent are overdue."""
        async with self._store.transaction(step.tenant) as tx:
            run = await locked(tx, step.run)
            if run.state is RunState.FREEZING:
                await lapse(tx, run.id)
            return await stand_of(tx, run, step)

    async def fenced(self, tenant: UUID, run_id: UUID) -> tuple[ClosureRun, int]:
        """With how many modules it waits for."""
        async with self._store.transaction(tenant) as tx:
            return await _existing(tx, run_id), len(await outstanding(tx, run_id))

    async def run(self, actor: Actor, run_id: UUID) -> ClosureRun:
        """Without all that was done in it."""
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await _existing(tx, run_id)

    async def get(self, actor: Actor, run_id: UUID) -> RunView:
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await _view(tx, await _existing(tx, run_id))

    async def page(self, actor: Actor, entity: str | None, before: Place | None, limit: int) -> list[ClosureRun]:
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.closures.page(entity, before, limit)

    async def certificate(self, actor: Actor, run_id: UUID) -> Certificate:
        run = await self.run(actor, run_id)
        if run.certificate is None:
            raise Missing(kind_of_thing="certificate", run=str(run_id))
        return run.certificate

    async def certificates(self, actor: Actor, entity: str, period: str) -> list[Certificate]:
        """The chain of the period, oldest first."""
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            place = await period_called(tx, entity, period)
            return await tx.closures.certificates(place.entity.code, place.id)


async def _existing(tx: Transaction, run_id: UUID) -> ClosureRun:
    run = await tx.closures.get(run_id)
    if run is None:
        raise Missing(kind_of_thing="period closure", id=str(run_id))
    return run


async def _view(tx: Transaction, run: ClosureRun) -> RunView:
    tasks, results = await tx.closures.tasks(run.id), await tx.closures.results(run.id)
    timeline = await tx.closures.timeline(run.id)
    named = {
        run.requester,
        *(task.plan.owner for task in tasks),
        *(task.plan.reviewer for task in tasks),
        *(each.who for task in tasks for each in task.signoffs),
        *(task.waived_by for task in tasks),
        *(each.waived_by for each in results),
        *(each.acknowledged_by for each in results),
        *(line.actor for line in timeline),
    }
    people = await tx.people.by_ids([each for each in named if each is not None])
    waits = await awaited(tx, run.id) if run.state is RunState.FREEZING else []
    handles = {each.id: each.handle for each in people}
    return RunView(run, tuple(tasks), tuple(results), tuple(timeline), handles, tuple(waits))
