"""When its turn comes a close begins, is joined where it goes on already, or is left out where it is closed."""

from uuid import uuid4

from application.closure_series.stand import Begun, MemberStep, Opened, locked, moved, stand_of
from application.closures.starting import Starting, StartWish
from application.periods.places import PeriodPlace, period_called
from application.ports.store import Store, Transaction
from domain.closures import ClosureRun, Mode, RunState
from domain.closures.series import Member, MemberState, Series
from domain.errors import Refusal, Unavailable
from domain.periods import Status

_SHUT = frozenset({Status.CLOSED, Status.LOCKED})


class Beginning:
    def __init__(self, store: Store, starting: Starting) -> None:
        self._store = store
        self._starting = starting

    async def begin(self, step: MemberStep) -> Begun:
        """Once, in the name of whoever asked; that it was refused is how this close of the series failed."""
        try:
            async with self._store.transaction(step.tenant) as tx:
                series = await locked(tx, step.series)
                member = series.member(step.key)
                if member is not None and member in series.due:
                    series = await moved(tx, series, series.moved(await self._turned(tx, series, member)))
                return Begun(await stand_of(tx, series), await _opened(tx, series, step.key))
        except Unavailable:
            raise
        except Refusal as refusal:
            return await self._refused(step, refusal)

    async def _turned(self, tx: Transaction, series: Series, member: Member) -> Member:
        requester = await tx.people.actor(series.requester)
        if requester is None:
            return member.refused("requester-gone")
        place = await period_called(tx, member.entity, member.period_code, lock=True)
        last = await tx.closures.last(place.entity.code, place.id)
        if last is not None and not last.over and _serves(last, member):
            return member.begun(last.id, joined=True)
        if await _closed(tx, place, member, last):
            return member.closed_before(last.id if last else None)
        wish = StartWish(
            uuid4(), member.entity, member.period_code, member.mode, member.scopes, member.template, member.due_at,
            series.reason,
        )  # fmt: skip
        run = await self._starting.begin(tx, requester, wish)
        return member.begun(run.id, joined=False)

    async def _refused(self, step: MemberStep, refusal: Refusal) -> Begun:
        async with self._store.transaction(step.tenant) as tx:
            series = await locked(tx, step.series)
            member = series.member(step.key)
            if member is not None and member in series.due:
                series = await moved(tx, series, series.moved(member.refused(refusal.kind)))
            return Begun(await stand_of(tx, series))


def _serves(run: ClosureRun, member: Member) -> bool:
    """Whether a close that somebody else began does what this one would."""
    return run.mode is member.mode and set(run.scopes).issuperset(member.scopes or ())


async def _closed(tx: Transaction, place: PeriodPlace, member: Member, last: ClosureRun | None) -> bool:
    """Nothing of it is open; a year is closed once its last close was one of the year."""
    gates = await tx.periods.gates(place.entity.code, [place.id])
    wanted = [gate.status for gate in gates if member.scopes is None or gate.key.scope in member.scopes]
    shut = bool(wanted) and len(wanted) >= len(member.scopes or ()) and _SHUT.issuperset(wanted)
    of_year = last is not None and (last.mode, last.state) == (Mode.YEAR_END, RunState.CLOSED)
    return shut and (member.mode is not Mode.YEAR_END or of_year)


async def _opened(tx: Transaction, series: Series, key: str) -> Opened | None:
    """What is to be started; asked again, because an answer was lost, it is told again."""
    member = series.member(key)
    if member is None or member.joined or member.state is not MemberState.RUNNING or member.run is None:
        return None
    run = await tx.closures.get(member.run)
    if run is None or run.over:
        return None
    requester = await tx.people.actor(run.requester)
    handle = requester.handle if requester else ""
    return Opened(run.id, run.entity, run.period_code, run.mode, run.attempt, run.state, handle)
