"""What was approved is opened for adjustments, the newest period first; what cannot be comes to nothing."""

from application.closures.closing import check_approved
from application.closures.compensating import call_off
from application.closures.gates import Telling, move_gates
from application.periods.places import PeriodPlace, period_called
from application.ports.store import Store, Transaction
from application.reopenings.asking import check_undisturbed, later_of
from application.reopenings.stand import ReopenStand, ReopenStep, locked, moved, stand_of
from application.reopenings.telling import tell_end, tell_window
from domain.approvals import Standing
from domain.audit import Action
from domain.closures import Later, LaterClosed, Reopening, ReopeningState
from domain.errors import Refusal, Unavailable
from domain.events import EventType
from domain.periods import GateKey, Posting, Status


class Opening:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def open(self, step: ReopenStep) -> ReopenStand:
        """Once. What is no longer as it was approved is not opened. Raises NotApproved, DigestTampered."""
        async with self._store.transaction(step.tenant) as tx:
            reopening = await locked(tx, step.reopening)
            if reopening.state is ReopeningState.ASKED:
                await check_approved(tx, reopening.approval)
                reopening = await _opened(tx, reopening)
            return await stand_of(tx, reopening)

    async def end(self, step: ReopenStep, state: ReopeningState, why: str) -> ReopenStand:
        """Nothing was opened; one that was stays what it is."""
        async with self._store.transaction(step.tenant) as tx:
            reopening = await locked(tx, step.reopening)
            if reopening.state is ReopeningState.ASKED:
                await call_off(tx, reopening.approval, Standing.WITHDRAWN)
                reopening = await moved(tx, reopening, reopening.given_up(state, why))
                await tell_end(tx, reopening)
            return await stand_of(tx, reopening)


async def _opened(tx: Transaction, reopening: Reopening) -> Reopening:
    place = await period_called(tx, reopening.entity, reopening.period_code, lock=True)
    try:
        later = await _as_approved(tx, reopening, place)
        opened = reopening.opened(later.stale, tx.now)
    except Unavailable:
        raise
    except Refusal as refusal:
        given_up = reopening.given_up(ReopeningState.FAILED_OPERATOR, refusal.kind.replace("-", "_"))
        given_up = await moved(tx, reopening, given_up)
        await tell_end(tx, given_up)
        return given_up
    codes = [*reopening.cascade, reopening.period_code]
    places = [await period_called(tx, reopening.entity, code) for code in codes]
    held = await tx.periods.hold([each.key(scope) for each in places for scope in reopening.scopes])
    closed = [key for key, gate in held.items() if gate.status is Status.CLOSED]
    reason = f"reopening {reopening.id}"
    told = Telling(Action.GATE_REOPENED, EventType.FISCAL_PERIOD_REOPENED, reason, reopening.requester)
    for each in places:
        keys: list[GateKey] = sorted(key for key in closed if key.period == each.id)
        after = [held[key].reopened(Posting.ADJUST_ONLY, reopening.requester, tx.now, reason) for key in keys]
        await move_gates(tx, each, held, after, told)
    opened = await moved(tx, reopening, opened)
    await tx.reopenings.open(opened, closed)
    await tell_window(tx, opened, "opened")
    return opened


async def _as_approved(tx: Transaction, reopening: Reopening, place: PeriodPlace) -> Later:
    """Raises RunningClose, LaterClosed, or what refuses a gate that is not closed any more."""
    await check_undisturbed(tx, place)
    known = {gate.key.scope: gate for gate in await tx.periods.gates(reopening.entity, [reopening.period])}
    for scope in reopening.scopes:
        known[scope].reopened(Posting.ADJUST_ONLY, reopening.requester, tx.now, "")
    later = await later_of(tx, place, reopening.wish, reopening.scopes)
    if later.reopened != reopening.cascade:
        raise LaterClosed(periods=list(later.reopened), approved=list(reopening.cascade))
    return later
