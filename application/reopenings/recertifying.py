"""What was opened is closed again, the oldest period first, each by a close that says what was posted in between."""

from dataclasses import dataclass
from uuid import UUID, uuid5

from application.closures.starting import RunningClose, Starting, StartWish
from application.periods.places import PeriodPlace, period_called
from application.ports.store import Store, Transaction
from application.reopenings.stand import ReopenStand, ReopenStep, locked, moved, stand_of
from application.reopenings.telling import tell_end
from domain.closures import ClosureRun, Mode, Recertified, Reopening, ReopeningState
from domain.closures.windows import CERTIFIED, CLOSED_AGAIN
from domain.errors import Refusal, Unavailable
from domain.people import Actor
from domain.periods import Status

EARLIER = "earlier_uncertified"
"""Why the turn of a period never came."""


@dataclass(frozen=True)
class Turn:
    """A period that is open, that nobody is closing, and that every earlier one of the reopening is closed before."""

    period: str
    wish: StartWish
    requester: Actor | None


class Recertifying:
    def __init__(self, store: Store, starting: Starting) -> None:
        self._store = store
        self._starting = starting

    async def recertify(self, step: ReopenStep) -> ReopenStand:
        """One close after the other, in the name of whoever asked for the reopening, and each begun once.

        SHUT while a close goes on. What cannot be closed so is for a person, with all that comes after it.
        """
        while True:
            async with self._store.transaction(step.tenant) as tx:
                reopening, turn = await _next(tx, await locked(tx, step.reopening))
                if turn is None:
                    return await stand_of(tx, reopening)
            begun = await self._begun(turn)
            async with self._store.transaction(step.tenant) as tx:
                reopening = await locked(tx, step.reopening)
                if reopening.state is ReopeningState.SHUT:
                    reopening = await _noted(tx, reopening, begun)
                    if begun.closure is None:
                        await _left_to_people(tx, reopening)

    async def _begun(self, turn: Turn) -> Recertified:
        if turn.requester is None:
            return Recertified(turn.period, None, "requester_gone")
        try:
            run = await self._starting.start(turn.requester, turn.wish)
        except Unavailable:
            raise
        except RunningClose as running:
            return Recertified(turn.period, UUID(str(running.facts["run"])), "being_closed")
        except Refusal as refusal:
            return Recertified(turn.period, None, refusal.kind.replace("-", "_"))
        return Recertified(turn.period, run.id, "being_certified")


async def _next(tx: Transaction, reopening: Reopening) -> tuple[Reopening, Turn | None]:
    """None where a close goes on, or where nothing is left to begin."""
    if reopening.state is not ReopeningState.SHUT:
        return reopening, None
    for period in reopening.periods:
        place = await period_called(tx, reopening.entity, period)
        last = await tx.closures.last(reopening.entity, place.id)
        own = await tx.closures.get(_own(reopening, period))
        scopes = await _still_open(tx, reopening, place)
        if not scopes:
            why = CERTIFIED if own and last and own.id == last.id else CLOSED_AGAIN
            reopening = await _noted(tx, reopening, Recertified(period, last.id if last else None, why))
        elif last is not None and not last.over:
            why = "being_certified" if own and own.id == last.id else "being_closed"
            return await _noted(tx, reopening, Recertified(period, last.id, why)), None
        elif own is not None:
            reopening = await _noted(tx, reopening, Recertified(period, own.id, own.state.value.lower()))
            return await _left_to_people(tx, reopening), None
        else:
            requester = await tx.people.actor(reopening.requester)
            return reopening, Turn(period, await _wish(tx, reopening, place, last, scopes), requester)
    ended = await moved(tx, reopening, reopening.ended())
    await tell_end(tx, ended)
    return ended, None


async def _noted(tx: Transaction, reopening: Reopening, each: Recertified) -> Reopening:
    if each in reopening.recertified:
        return reopening
    return await moved(tx, reopening, reopening.certifying(each))


async def _left_to_people(tx: Transaction, reopening: Reopening) -> Reopening:
    rest = reopening.periods[len(reopening.recertified) :]
    ended = await moved(tx, reopening, reopening.ended(tuple(Recertified(each, None, EARLIER) for each in rest)))
    await tell_end(tx, ended)
    return ended


async def _still_open(tx: Transaction, reopening: Reopening, place: PeriodPlace) -> tuple[str, ...]:
    opened = set(await tx.reopenings.gates(reopening.id))
    gates = await tx.periods.gates(reopening.entity, [place.id])
    return tuple(sorted(gate.key.scope for gate in gates if gate.key in opened and gate.status is Status.OPEN))


async def _wish(
    tx: Transaction, reopening: Reopening, place: PeriodPlace, last: ClosureRun | None, scopes: tuple[str, ...]
) -> StartWish:
    """As it was closed before, with the tasks that it had: of those only what rests on other books is asked again."""
    certificates = await tx.closures.certificates(reopening.entity, place.id)
    # A soft close closes no gate.
    mode = next((each.mode for each in reversed(certificates) if each.mode is not Mode.SOFT), Mode.HARD)
    template = last.template.partition("/")[0] if last and last.template else None
    return StartWish(
        _own(reopening, place.code), reopening.entity, place.code, mode, scopes, template, None,
        reopening.wish.justification,
    )  # fmt: skip


def _own(reopening: Reopening, period: str) -> UUID:
    return uuid5(reopening.id, f"close/{period}")
