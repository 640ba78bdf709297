"""A closed period is asked to be opened again: why, until when, and with what becomes of the later ones."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import structlog

from application.closures.asking import put_to_vote
from application.closures.looking_back import after
from application.closures.starting import RunningClose
from application.periods.places import PeriodPlace, period_called, scopes_called
from application.ports.processes import Processes
from application.ports.store import Store, Transaction
from application.recording import record
from application.reopenings.stand import title_of
from domain.audit import Action
from domain.changes import EVERYWHERE, ChangeSet, ChangeStatus, Content, Kind, Target
from domain.closures import (
    Later,
    Reopening,
    ReopeningRunning,
    ReopeningState,
    ReopenWish,
    later_periods,
    parse_wish,
)
from domain.environments import Environment
from domain.errors import Unavailable
from domain.people import Actor, Permission
from domain.periods import PeriodGate, PeriodLocked, PeriodPending, Posting, Status, facts
from domain.rollouts import Strategy, default_plan

log = structlog.get_logger()


@dataclass(frozen=True)
class AskWish:
    """`id` makes asking twice the same as asking once; `raw` is what `parse_wish` reads."""

    id: UUID
    entity: str
    period: str
    raw: Any


class Asking:
    def __init__(self, store: Store, processes: Processes) -> None:
        self._store = store
        self._processes = processes

    async def ask(self, actor: Actor, wish: AskWish) -> Reopening:
        """Raises PermissionMissing, Missing, Invalid, PeriodLocked, PeriodPending, TransitionRefused, RunningClose,
        ReopeningRunning, LaterClosed or CascadeUnconfirmed.

        Its process is started after the commit; one that could not be is started by whoever finds it waiting.
        """
        actor.require(Permission.PERIODS_CLOSE)
        async with self._store.transaction(actor.tenant) as tx:
            place = await period_called(tx, wish.entity, wish.period, lock=True)
            reopening = await tx.reopenings.get(wish.id) or await _asked(tx, actor, wish, place)
        try:
            await _start(self._store, self._processes, reopening, actor.handle)
        except Unavailable:
            log.warning("reopening.start_delayed", reopening=str(reopening.id))
        return reopening


async def start_waiting_reopening(store: Store, processes: Processes, tenant: UUID, reopening_id: UUID) -> None:
    """Start what was committed and never reached Temporal; one whose window is used up looks, and shuts it."""
    async with store.transaction(tenant) as tx:
        reopening = await tx.reopenings.get(reopening_id)
        requester = await tx.people.actor(reopening.requester) if reopening else None
    if reopening is None:
        return
    await _start(store, processes, reopening, requester.handle if requester else "")
    if reopening.state is ReopeningState.OPEN:
        await processes.reopening_told(reopening)


async def check_undisturbed(tx: Transaction, place: PeriodPlace) -> None:
    """Raises RunningClose."""
    last = await tx.closures.last(place.entity.code, place.id)
    if last is not None and not last.over:
        raise RunningClose(run=str(last.id), state=last.state.value, attempt=last.attempt)


async def later_of(tx: Transaction, place: PeriodPlace, wish: ReopenWish, scopes: tuple[str, ...]) -> Later:
    return later_periods(wish.later, await after(tx, place, scopes), confirmed=wish.confirmed)


async def _asked(tx: Transaction, actor: Actor, asked: AskWish, place: PeriodPlace) -> Reopening:
    wish = parse_wish(asked.raw, tx.now)
    scopes = await _closed_scopes(tx, place, wish)
    later = await later_of(tx, place, wish, scopes)
    await check_undisturbed(tx, place)
    for other in await tx.reopenings.running(place.entity.code):
        taken = {other.period_code, *other.cascade}
        if taken & {place.code, *later.reopened}:
            raise ReopeningRunning(reopening=str(other.id), state=other.state.value)
    reopening = Reopening(
        asked.id, tx.tenant, place.entity.code, place.id, place.code, scopes, wish, actor.id, uuid4(), tx.now,
        cascade=later.reopened, stale=later.stale, why="asked",
    )  # fmt: skip
    change = await _change(tx, reopening)
    await put_to_vote(tx, change, title_of(reopening), {"reopening": str(reopening.id)})
    await tx.reopenings.add(reopening)
    await record(tx, Action.REOPENING_MOVED, ("period_reopening", reopening.id), actor=actor,
                 reason=wish.justification, change=change.id,
                 after={"state": reopening.state.value, "cause": "asked", "wish": wish.to_json()})  # fmt: skip
    return reopening


async def _closed_scopes(tx: Transaction, place: PeriodPlace, wish: ReopenWish) -> tuple[str, ...]:
    """Those that are named, or all that are closed; what is refused is the first that is not."""
    codes = [scope.code for scope in await scopes_called(tx, wish.scopes)]
    known = {gate.key: gate for gate in await tx.periods.gates(place.entity.code, [place.id])}
    gates = [known.get(place.key(code)) or PeriodGate.pending(place.key(code)) for code in codes]
    closed = [gate for gate in gates if gate.status is Status.CLOSED]
    for gate in gates if wish.scopes or not closed else closed:
        if gate.status is Status.LOCKED:
            raise PeriodLocked(**facts(gate, place.called))
        if gate.status is Status.PENDING:
            raise PeriodPending(**facts(gate, place.called))
        gate.reopened(Posting.ADJUST_ONLY, None, tx.now, "")
    return tuple(gate.key.scope for gate in closed)


async def _change(tx: Transaction, reopening: Reopening) -> ChangeSet:
    """What the votes are bound to."""
    content = {
        "reopening": str(reopening.id),
        "entity": reopening.entity,
        "period": reopening.period_code,
        "scopes": sorted(reopening.scopes),
        "wish": reopening.wish.to_json(),
        "cascade": list(reopening.cascade),
        "stale": list(reopening.stale),
    }
    certified = await tx.closures.certificates(reopening.entity, reopening.period)
    key = f"{reopening.entity}/{reopening.period_code}"
    target = Target(Environment.PRODUCTION, Kind.PERIOD_REOPEN, key, len(certified), content)
    whole = Content((target,), default_plan(Environment.PRODUCTION, Strategy.DIRECT).to_json(), None, None)
    return ChangeSet(
        reopening.approval, tx.tenant, reopening.requester, whole, whole.digest, reopening.wish.justification, tx.now,
        reach=EVERYWHERE, status=ChangeStatus.SUBMITTED,
    )  # fmt: skip


async def _start(store: Store, processes: Processes, reopening: Reopening, requester: str) -> None:
    if reopening.over:
        return
    await processes.start_reopening(reopening, requester)
    async with store.transaction(reopening.tenant) as tx:
        await tx.reopenings.mark_started(reopening.id)
