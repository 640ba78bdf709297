"""What would be in the way of a close is told on any day; looking freezes nothing."""

from dataclasses import dataclass

from application.closures.facts import Aim, aim_of, gathered
from application.closures.scoping import closing_scopes
from application.closures.stand import RunStep, Stand
from application.closures.steps import LOOKED_AT, locked, move, stand_of
from application.periods.places import period_called
from application.ports.store import Store
from domain.closures import CheckResult, Mode, RunState, blockers
from domain.people import Actor, Permission
from domain.periods import PeriodGate


@dataclass(frozen=True)
class DryWish:
    """`scopes` are all that are open in the period, unless said."""

    entity: str
    period: str
    mode: Mode = Mode.HARD
    scopes: tuple[str, ...] | None = None


@dataclass(frozen=True)
class DryRun:
    """`gates` are those of the period that have ever been opened."""

    results: tuple[CheckResult, ...]
    blockers: tuple[CheckResult, ...]
    gates: tuple[PeriodGate, ...]
    scopes: tuple[str, ...]


class Prechecking:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def dry_run(self, actor: Actor, wish: DryWish) -> DryRun:
        """PermissionMissing, Missing, BooksMissing, ScopeMissing, or PeriodPending and the like where none is open."""
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            place = await period_called(tx, wish.entity, wish.period)
            scopes = await closing_scopes(tx, place, wish.scopes)
            found = await gathered(tx, Aim(place, scopes, wish.mode))
            return DryRun(tuple(found.results), tuple(blockers(found.results)), found.facts.gates, scopes)

    async def precheck(self, step: RunStep) -> Stand:
        """What is found is kept and stops nothing: there is a close to put it right in."""
        async with self._store.transaction(step.tenant) as tx:
            run = await locked(tx, step.run)
            if run.state is RunState.INITIATED:
                found = await gathered(tx, await aim_of(tx, run))
                await tx.closures.put_results(run.id, found.results)
                run = await move(tx, run, run.moved(RunState.PRECHECK), step, LOOKED_AT)
            return await stand_of(tx, run, step)
