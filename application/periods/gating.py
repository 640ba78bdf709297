"""People open periods, hold postings back, let them in again, and lock what is closed: all they name or nothing."""

from collections.abc import Sequence
from dataclasses import replace

from application.acting import done, remember
from application.periods.looking import PeriodState, YearState, period_state, year_state
from application.periods.moves import MOVES, GateVerb
from application.periods.moving import GateWish, move
from application.periods.places import PeriodPlace, period_called, scopes_called, year_of
from application.ports.store import Store, Transaction
from domain.calendars import PeriodKind
from domain.errors import Fault, Invalid
from domain.people import Actor
from domain.periods import Status

_OPENED = frozenset(Status) - {Status.PENDING}


class Gating:
    """Each raises PermissionMissing, Missing, BooksMissing, ScopeMissing, StaleEpoch or what the gate refuses."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def period(self, actor: Actor, verb: GateVerb, place: tuple[str, str], wish: GateWish) -> PeriodState:
        """`place` is the entity and the period. A gate that stands so already stays as it is."""
        actor.require(MOVES[verb].needs)
        async with self._store.transaction(actor.tenant) as tx:
            found = await period_called(tx, *place, lock=True)
            if not await done(tx, actor):
                stays = {Status.OPEN} if verb is GateVerb.OPEN and not wish.scopes else set()
                await move(tx, actor, verb, [found], await _named(tx, [found], verb, wish), stays)
                await remember(tx, actor, f"{verb}-period")
            return await period_state(tx, found)

    async def year(self, actor: Actor, verb: GateVerb, place: tuple[str, str], wish: GateWish) -> YearState:
        """Opens what is pending of its standard periods, or locks all that it has."""
        actor.require(MOVES[verb].needs)
        async with self._store.transaction(actor.tenant) as tx:
            found = await year_of(tx, *place, lock=True)
            if not await done(tx, actor):
                opens = verb is GateVerb.OPEN
                periods = [each for each in found.periods if not opens or each.period.kind is PeriodKind.STANDARD]
                await move(tx, actor, verb, periods, await _named(tx, periods, verb, wish), _OPENED if opens else ())
                await remember(tx, actor, f"{verb}-year")
            return await year_state(tx, found)


async def _named(tx: Transaction, places: Sequence[PeriodPlace], verb: GateVerb, wish: GateWish) -> GateWish:
    """Unless some are: all to open, those that are open to hold postings back, to lock those that ever were."""
    unknown = [each for each in wish.epochs if wish.scopes and each not in wish.scopes]
    if unknown:
        raise Invalid([Fault(f"/epochs/{each}", "one of the scopes that are named") for each in unknown])
    every = tuple(scope.code for scope in await scopes_called(tx, wish.scopes))
    if wish.scopes or verb is GateVerb.OPEN:
        return replace(wish, scopes=every)
    meant = _OPENED if verb is GateVerb.LOCK else {Status.OPEN}
    gates = await tx.periods.gates(places[0].entity.code, [each.id for each in places])
    return replace(wish, scopes=tuple(sorted({gate.key.scope for gate in gates if gate.status in meant})) or every)
