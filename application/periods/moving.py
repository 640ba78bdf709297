"""Gates move while they are held, all that are named or none: checked, told, and the first one fixes its year."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from application.fences.asking import request
from application.periods.moves import MOVES, GateVerb, takes_all
from application.periods.places import PeriodPlace, period_code, years_of
from application.periods.telling import gate_fact, moved
from application.ports.store import Transaction
from domain.calendars import PeriodKind
from domain.errors import Conflict
from domain.people import Actor
from domain.periods import GateKey, PeriodGate, StaleEpoch, Status


class TooManyOpen(Conflict):
    """The books let fewer periods of a scope take transactions at a time; close one of them softly first."""

    kind = "too-many-open"


class NotAllClosed(Conflict):
    """Only what is closed is locked, all of it or nothing."""

    kind = "not-all-closed"


class CloseUnderWay(Conflict):
    """A close holds these gates: it moves them itself, or gives them back when it is aborted."""

    kind = "close-under-way"


@dataclass(frozen=True)
class GateWish:
    """No scopes are all that it can be about; `epochs` are those that were seen, by scope."""

    reason: str
    scopes: tuple[str, ...] = ()
    epochs: Mapping[str, int] = field(default_factory=dict)


async def move(
    tx: Transaction, by: Actor | None, verb: GateVerb, places: Sequence[PeriodPlace], wish: GateWish,
    stays: Collection[Status] = (),
) -> None:  # fmt: skip
    """Of these periods of one year, whose books are locked, the gates of the scopes that are named.

    What stands so already stays, and what has a status of `stays`. `by` is None where nobody in person does it.
    """
    action = MOVES[verb]
    held = await tx.periods.hold([place.key(scope) for place in places for scope in wish.scopes])
    _check_epochs(held, wish.epochs)
    if verb is GateVerb.LOCK:
        _check_closed(places, held)
    before = {key: gate for key, gate in held.items() if not action.there(gate) and gate.status not in stays}
    if not before:
        return
    called = {place.id: place.called for place in places}
    after = {}
    for key, gate in sorted(before.items()):
        action.check(gate, called[key.period])
        after[key] = action.step(gate, by.id if by else None, tx.now, wish.reason)
    await _check_unheld(tx, places, after)
    if any(takes_all(gate) for gate in after.values()):
        await _check_room(tx, places[0], after)
    await tx.periods.move(list(after.values()))
    if verb is GateVerb.OPEN and not places[0].year.used:
        await tx.calendars.use(places[0].year.id)
    turn = {place.id: number for number, place in enumerate(places)}
    keys = sorted(after, key=lambda key: (turn[key.period], key.scope))
    gates = [after[key] for key in keys]
    await moved(tx, places, [before[key] for key in keys], gates, action=action.action, event=action.event, actor=by,
                reason=wish.reason)  # fmt: skip
    await request(tx, None, gates, [place.fenced for place in places], by)


def _check_epochs(held: Mapping[GateKey, PeriodGate], seen: Mapping[str, int]) -> None:
    for key, gate in held.items():
        if seen.get(key.scope, gate.epoch) != gate.epoch:
            raise StaleEpoch(entity=key.entity, scope=key.scope, epoch=gate.epoch, expected=seen[key.scope])


def _check_closed(places: Sequence[PeriodPlace], held: Mapping[GateKey, PeriodGate]) -> None:
    codes = {place.id: place.code for place in places}
    unclosed = [
        {"period": codes[key.period], "scope": key.scope, **gate_fact(gate)}
        for key, gate in held.items()
        if gate.status not in {Status.CLOSED, Status.LOCKED}
    ]
    if unclosed:
        unclosed.sort(key=lambda each: (each["period"], each["scope"]))
        raise NotAllClosed(entity=places[0].entity.code, gates=unclosed)


async def _check_unheld(tx: Transaction, places: Sequence[PeriodPlace], after: Collection[GateKey]) -> None:
    """Until its freeze a close holds none, and once it has closed none any more."""
    called = {(place.entity.code, place.id): place.code for place in places}
    for run in await tx.closures.running():
        code = called.get((run.entity, run.period))
        if code is None or run.committed or not run.prior:
            continue
        scopes = sorted(key.scope for key in after if key.period == run.period and key.scope in run.scopes)
        if scopes:
            raise CloseUnderWay(entity=run.entity, code=code, scopes=scopes, run=str(run.id))


async def _check_room(tx: Transaction, place: PeriodPlace, after: Mapping[GateKey, PeriodGate]) -> None:
    """The books are locked: nobody opens another one meanwhile. Adjusting periods take no room."""
    most = place.books.most_open
    if most is None:
        return
    codes = {
        id_: period_code(year.year, period)
        for year in await years_of(tx, place.calendar.id)
        for id_, period in zip(year.periods, year.year.periods, strict=True)
        if period.kind is PeriodKind.STANDARD
    }
    gates = {gate.key: gate for gate in await tx.periods.gates(place.entity.code, list(codes))} | dict(after)
    for scope in sorted({key.scope for key in after if key.period in codes}):
        takers = sorted(codes[key.period] for key, gate in gates.items()
                        if key.scope == scope and key.period in codes and takes_all(gate))  # fmt: skip
        if len(takers) > most:
            raise TooManyOpen(entity=place.entity.code, scope=scope, most=most, periods=takers)
