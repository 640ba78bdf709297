"""How a series stands: what of it is closed, what goes on, what failed and why, and what has not begun."""

from dataclasses import dataclass
from uuid import UUID

from application.closure_series.stand import SeriesStand, SeriesStep, locked, missing, moved, stand_of
from application.ports.closures import Place
from application.ports.store import Store, Transaction
from domain.closures import ClosureRun
from domain.closures.series import MemberState, Series
from domain.people import Actor, Permission


@dataclass(frozen=True)
class SeriesView:
    """`runs` are those that go on, `handles` of whoever is named."""

    series: Series
    runs: dict[UUID, ClosureRun]
    handles: dict[UUID, str]


class Looking:
    """Each raises PermissionMissing or Missing where it applies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def look(self, step: SeriesStep) -> SeriesStand:
        """What has ended since is written down, and that the series rests once nothing of it goes on."""
        async with self._store.transaction(step.tenant) as tx:
            series = await locked(tx, step.series)
            seen = series
            for run in await _runs(tx, series):
                member = next(each for each in series.of(MemberState.RUNNING) if each.run == run.id)
                if run.over:
                    seen = seen.moved(member.ended(run.state))
            return await stand_of(tx, await moved(tx, series, seen))

    async def get(self, actor: Actor, series: UUID) -> SeriesView:
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            found = await tx.closure_series.get(series)
            if found is None:
                raise missing(series)
            return await view_of(tx, found)

    async def page(self, actor: Actor, before: Place | None, limit: int) -> list[Series]:
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.closure_series.page(before, limit)


async def view_of(tx: Transaction, series: Series) -> SeriesView:
    named = [each for each in (series.requester, series.aborted_by) if each is not None]
    people = await tx.people.by_ids(named)
    runs = {run.id: run for run in await _runs(tx, series)}
    return SeriesView(series, runs, {each.id: each.handle for each in people})


async def _runs(tx: Transaction, series: Series) -> list[ClosureRun]:
    """Of those that go on, as far as was seen."""
    found = [await tx.closures.get(each.run) for each in series.of(MemberState.RUNNING) if each.run is not None]
    return [run for run in found if run is not None]
