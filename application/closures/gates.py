"""Gates of a close move together, held in one order, and whoever keeps them as well is told in the same moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from application.fences.asking import request
from application.periods.places import PeriodPlace
from application.periods.telling import moved
from application.ports.store import Transaction
from domain.audit import Action
from domain.closures import ClosureRun, Mode, closing_order, restored
from domain.events import EventType
from domain.people import Actor
from domain.periods import (
    GateKey,
    PeriodClosed,
    PeriodGate,
    PeriodLocked,
    PeriodPending,
    Posting,
    Status,
    facts,
)

_SHUT = {Status.PENDING: PeriodPending, Status.CLOSED: PeriodClosed, Status.LOCKED: PeriodLocked}


@dataclass(frozen=True)
class Telling:
    """As what a move is told, by whom and why; `run` is the close that waits for modules elsewhere."""

    action: Action
    event: EventType
    reason: str
    actor: Actor | UUID | None = None
    run: UUID | None = None


def check_open(gates: Mapping[GateKey, PeriodGate], place: PeriodPlace) -> None:
    """Raises PeriodPending, PeriodClosed or PeriodLocked for the first that cannot be closed."""
    for _, gate in sorted(gates.items()):
        if gate.status is not Status.OPEN:
            raise _SHUT[gate.status](**facts(gate, place.called))


async def hold(tx: Transaction, run: ClosureRun, place: PeriodPlace) -> dict[GateKey, PeriodGate]:
    return await tx.periods.hold([place.key(scope) for scope in run.scopes])


async def freeze_gates(tx: Transaction, run: ClosureRun, place: PeriodPlace) -> tuple[PeriodGate, ...]:
    """Sub-ledgers before ledgers; one that is stricter already stays so. Returns them as they were found."""
    held = await hold(tx, run, place)
    check_open(held, place)
    reason = f"close of {run.period_code}"
    order = [place.key(scope.code) for scope in closing_order(await tx.books.scopes()) if scope.code in run.scopes]
    frozen = [held[key].soft_closed(run.requester, tx.now, reason) for key in order if held[key].posting is Posting.ALL]
    told = Telling(Action.GATE_SOFT_CLOSED, EventType.FISCAL_PERIOD_SOFT_CLOSED, reason, run.requester, run.id)
    after = {**held, **{gate.key: gate for gate in frozen}}
    await move_gates(tx, place, held, frozen, told, fenced=[after[key] for key in order])
    return tuple(held[key] for key in sorted(held))


async def close_gates(
    tx: Transaction, run: ClosureRun, place: PeriodPlace, held: Mapping[GateKey, PeriodGate]
) -> dict[str, int]:
    """By scope the epoch at which it is closed; a soft close leaves them as the freeze made them."""
    closed: list[PeriodGate] = []
    if run.mode is not Mode.SOFT:
        reason = f"close {run.id}"
        closed = [gate.closed(run.requester, tx.now, reason) for _, gate in sorted(held.items())]
        told = Telling(Action.GATE_CLOSED, EventType.FISCAL_PERIOD_CLOSED, reason, run.requester)
        await move_gates(tx, place, held, closed, told)
    after = {**held, **{gate.key: gate for gate in closed}}
    return {key.scope: gate.epoch for key, gate in sorted(after.items())}


async def give_back(tx: Transaction, run: ClosureRun, place: PeriodPlace, actor: Actor | None, reason: str) -> None:
    """Every gate as it was before the freeze, at a new epoch, in the reverse order."""
    if not run.prior:
        return
    held = await tx.periods.hold([gate.key for gate in run.prior])
    still = {key: gate for key, gate in held.items() if gate.status is Status.OPEN}
    prior = tuple(gate for gate in run.prior if _differs(gate, still.get(gate.key)))
    by = actor.id if actor else None
    back = restored(prior, still, by, tx.now, reason)
    told = Telling(Action.GATE_UNLOCKED, EventType.FISCAL_PERIOD_CLOSE_ABORTED, reason, actor)
    await move_gates(tx, place, held, back, told)


def _differs(prior: PeriodGate, now: PeriodGate | None) -> bool:
    return now is not None and (prior.status, prior.posting) != (now.status, now.posting)


async def move_gates(
    tx: Transaction, place: PeriodPlace, before: Mapping[GateKey, PeriodGate], after: Sequence[PeriodGate],
    told: Telling, *, fenced: Sequence[PeriodGate] | None = None,
) -> None:  # fmt: skip
    """Gates of one period that are held, with what is told of it; `fenced` are those that modules elsewhere hear of."""
    if after:
        await tx.periods.move(after)
        old = [before[gate.key] for gate in after]
        await moved(tx, [place], old, after, action=told.action, event=told.event, actor=told.actor, reason=told.reason)
    await request(tx, told.run, after if fenced is None else fenced, [place.fenced])
