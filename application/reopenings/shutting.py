"""A window is shut at its end, or sooner by a person; after that nothing is posted, certified anew or not."""

from uuid import UUID

import structlog

from application.closures.compensating import call_off
from application.closures.gates import Telling, move_gates
from application.periods.places import period_of
from application.ports.processes import Processes
from application.ports.store import Store, Transaction
from application.reopenings.looking import ReopeningView, view_of
from application.reopenings.stand import ReopenStand, ReopenStep, locked, moved, stand_of
from application.reopenings.telling import tell_end, tell_window
from domain.approvals import Standing
from domain.audit import Action
from domain.closures import Reopening, ReopeningState
from domain.errors import Unavailable
from domain.events import EventType
from domain.people import Actor, Permission
from domain.periods import Posting, Status

log = structlog.get_logger()


class Shutting:
    def __init__(self, store: Store, processes: Processes) -> None:
        self._store = store
        self._processes = processes

    async def due(self, step: ReopenStep) -> ReopenStand:
        """At the window's end, or once as many entries as it lets in have entered; before that nothing happens."""
        async with self._store.transaction(step.tenant) as tx:
            reopening = await locked(tx, step.reopening)
            why = await _why_over(tx, reopening)
            if why is not None:
                reopening = await _shut(tx, reopening, why, None)
            return await stand_of(tx, reopening)

    async def shut(self, actor: Actor, reopening_id: UUID, reason: str) -> ReopeningView:
        """Before its end; one that is not open yet is withdrawn. Raises PermissionMissing, Missing, ReopeningOver."""
        actor.require(Permission.PERIODS_CLOSE)
        async with self._store.transaction(actor.tenant) as tx:
            asked = await locked(tx, reopening_id)
            if asked.state is ReopeningState.ASKED:
                await call_off(tx, asked.approval, Standing.WITHDRAWN)
                given_up = asked.given_up(ReopeningState.ABORTED, "withdrawn")
                reopening = await moved(tx, asked, given_up, actor=actor, reason=reason)
                await tell_end(tx, reopening)
            else:
                asked.shut(tx.now, "")  # raises where it is not open
                reopening = await _shut(tx, asked, "shut_early", actor, reason)
                await tx.reopenings.mark_started(
                    asked.id, started=False
                )  # its process may have been ended from outside
            view = await view_of(tx, reopening)
        try:
            if asked.state is ReopeningState.ASKED:
                await self._processes.closed(asked.approval)
            await self._processes.reopening_told(reopening)
        except Unavailable:
            log.warning("reopening.not_told", reopening=str(reopening_id))
        return view


async def _why_over(tx: Transaction, reopening: Reopening) -> str | None:
    if reopening.open_until is not None and reopening.open_until <= tx.now:
        return "window_over"
    used_up = await tx.reopenings.entries(reopening.id) == reopening.wish.most_entries
    return "entries_used_up" if used_up else None


async def _shut(
    tx: Transaction, reopening: Reopening, why: str, actor: Actor | None, reason: str | None = None
) -> Reopening:
    """A close that goes on in a period has its gates already, and keeps them as they are."""
    if reopening.state is not ReopeningState.OPEN:
        return reopening
    keys = await tx.reopenings.gates(reopening.id)
    held = await tx.periods.hold(keys)
    told = Telling(Action.GATE_FROZEN, EventType.FISCAL_PERIOD_FROZEN, reason or f"reopening {reopening.id}", actor)
    for period in dict.fromkeys(key.period for key in keys):
        last = await tx.closures.last(reopening.entity, period)
        if last is not None and not last.over:
            continue
        here = [held[key] for key in keys if key.period == period]
        open_ = [gate for gate in here if gate.status is Status.OPEN and gate.posting is not Posting.NONE]
        after = [gate.frozen(actor.id if actor else None, tx.now, told.reason) for gate in open_]
        await move_gates(tx, await period_of(tx, here[0].key), held, after, told)
    shut = await moved(tx, reopening, reopening.shut(tx.now, why), actor=actor, reason=reason)
    await tx.reopenings.shut(shut)
    await tell_window(tx, shut, "shut")
    return shut
