"""A series that is aborted takes back what it began and has not closed; one that stopped is taken up again."""

from uuid import UUID

from application.closure_series.asking import carried_on
from application.closure_series.looking import SeriesView, view_of
from application.closure_series.stand import MemberStep, SeriesStand, SeriesStep, locked, moved, stand_of
from application.closures.compensating import undone
from application.closures.desk import BALANCE_CHANGED
from application.closures.stand import RunStep
from application.closures.steps import locked as locked_run
from application.ports.processes import Processes
from application.ports.store import Store, Transaction
from domain.closures import ClosureRun, RunState
from domain.closures.series import Series, SeriesState
from domain.people import Actor, Permission


class Ending:
    def __init__(self, store: Store, processes: Processes) -> None:
        self._store = store
        self._processes = processes

    async def abort(self, actor: Actor, series_id: UUID, reason: str) -> SeriesView:
        """Its closes end one after the other. Raises PermissionMissing, Missing, SeriesOver, WrongSeriesState."""
        actor.require(Permission.PERIODS_CLOSE)
        async with self._store.transaction(actor.tenant) as tx:
            series = await locked(tx, series_id)
            view = await _turned(tx, series, series.aborted("aborted", actor.id, reason), actor, reason)
        await carried_on(self._store, self._processes, view.series, actor.handle)
        return view

    async def resume(self, actor: Actor, series_id: UUID, reason: str) -> SeriesView:
        """What failed is tried again and the rest goes on. Raises PermissionMissing, Missing, SeriesOver,
        WrongSeriesState.
        """
        actor.require(Permission.PERIODS_CLOSE)
        async with self._store.transaction(actor.tenant) as tx:
            series = await locked(tx, series_id)
            view = await _turned(tx, series, series.resumed(actor.id), actor, reason)
        await carried_on(self._store, self._processes, view.series, actor.handle)
        return view

    async def cancel(self, step: SeriesStep) -> SeriesStand:
        """Its process was cancelled from outside."""
        async with self._store.transaction(step.tenant) as tx:
            series = await locked(tx, step.series)
            if series.state is SeriesState.RUNNING:
                series = await moved(tx, series, series.aborted("workflow_cancelled"))
            return await stand_of(tx, series)

    async def abort_close(self, step: MemberStep) -> SeriesStand:
        """Whose gates are closed stays so; its process is told to look."""
        async with self._store.transaction(step.tenant) as tx:
            series = await locked(tx, step.series)
            member = series.member(step.key)
            run = await locked_run(tx, member.run) if member and member.run and not member.joined else None
            if run is not None and member in series.to_abort:
                run = await _ended(tx, series, run)
                after = series.moved(member.ended(run.state)) if run.over else series
                series = await moved(tx, series, after)
            stand = await stand_of(tx, series)
        if run is not None:
            await self._processes.closure_told(run, BALANCE_CHANGED)
        return stand


async def _turned(tx: Transaction, before: Series, after: Series, actor: Actor, reason: str) -> SeriesView:
    """Until its process has heard of it, it waits to be carried on."""
    series = await moved(tx, before, after, actor=actor, reason=reason)
    await tx.closure_series.mark_started(series.id, started=False)
    return await view_of(tx, series)


async def _ended(tx: Transaction, series: Series, run: ClosureRun) -> ClosureRun:
    if run.over or run.committed:
        return run
    person = await tx.people.actor(series.aborted_by) if series.aborted_by else None
    step = RunStep(tx.tenant, run.id, f"series:{series.id}", tx.now)
    reason = series.abort_reason or None
    return await undone(tx, run, step, RunState.ABORTED, "series_aborted", actor=person, reason=reason)
