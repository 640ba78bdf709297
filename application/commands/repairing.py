"""What another person said yes to is done in one transaction, over what was seen; otherwise its command is free."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from uuid import UUID

from application.asked import Asked
from application.closures.compensating import call_off
from application.commands.acts import Wish, checked, made
from application.commands.asking import asked_by
from application.ports.processes import Processes
from application.ports.store import Store, Transaction
from application.recording import record
from domain.approvals import Standing as Answer
from domain.audit import Action, Outcome
from domain.commands import name_of
from domain.commands.operations import Operation, Standing
from domain.commands.repairs import NotYourDecision, Repair, RepairOver
from domain.errors import Missing, Refusal, Unavailable
from domain.people import Actor, Permission, PermissionMissing

MOVED, TAMPERED = "command_moved", "digest_tampered"
ENDS = {
    Answer.REJECTED: Standing.REJECTED,
    Answer.EXPIRED: Standing.EXPIRED,
    Answer.WITHDRAWN: Standing.WITHDRAWN,
    Answer.INVALIDATED: Standing.VOID,
}
"""How a decision ends when its approval ended so."""


class NotAsAsked(Exception):
    """What was said yes to is not what is there; nobody outside meets it."""


@dataclass(frozen=True)
class RepairStep:
    tenant: UUID
    operation: UUID


@dataclass(frozen=True)
class RepairStand:
    """`asked` while it waits for another person."""

    operation: UUID
    standing: Standing
    why: str = ""
    asked: Asked | None = None

    @property
    def over(self) -> bool:
        return self.standing is not Standing.AWAITING_APPROVAL


class Repairing:
    def __init__(self, store: Store, processes: Processes | None = None) -> None:
        self._store = store
        self._processes = processes

    async def stand(self, step: RepairStep) -> RepairStand:
        async with self._store.transaction(step.tenant) as tx:
            return await _stand(tx, await _existing(tx, step.operation))

    async def answer(self, step: RepairStep) -> RepairStand:
        """By what the approval says now: made, void because something has moved, or at an end. Once."""
        async with self._store.transaction(step.tenant) as tx:
            repair = await _held(tx, step.operation)
            approval = await tx.approvals.get(repair.approval, lock=True)
            answer = approval.standing if approval is not None else Answer.INVALIDATED
            if not repair.over and answer is not Answer.PENDING:
                repair = await _answered(tx, repair, answer)
            return await _stand(tx, repair)

    async def give_up(self, step: RepairStep, why: str) -> RepairStand:
        """Nobody is asked any more, and its command is free."""
        async with self._store.transaction(step.tenant) as tx:
            repair = await _held(tx, step.operation)
            if not repair.over:
                await call_off(tx, repair.approval, Answer.WITHDRAWN)
                repair = await _ended(tx, repair, Standing.WITHDRAWN, why)
            return await _stand(tx, repair)

    async def withdraw(self, actor: Actor, operation: UUID, reason: str) -> Operation:
        """By whoever asked for it. PermissionMissing, Missing, NotYourDecision or RepairOver where it applies."""
        actor.require(Permission.COMMANDS_OPERATE)
        async with self._store.transaction(actor.tenant) as tx:
            repair = await _held(tx, operation)
            if repair.requester != actor.id:
                raise NotYourDecision(operation=str(operation))
            if repair.over:
                raise RepairOver(operation=str(operation), standing=repair.standing.value)
            await call_off(tx, repair.approval, Answer.WITHDRAWN)
            ended = await _ended(tx, repair, Standing.WITHDRAWN, "withdrawn", actor=actor, reason=reason)
            there = await tx.commands.get(repair.key)
            if there is None:
                raise _missing(operation)
        if self._processes is not None:
            await _told(self._processes.closed, repair.approval)
        return ended.as_operation(there)


async def begin_waiting_repair(store: Store, processes: Processes, tenant: UUID, operation: UUID) -> None:
    """What was committed and never reached Temporal, or has lost its process."""
    async with store.transaction(tenant) as tx:
        repair = await tx.commands.repairs.get(operation)
        requester = await tx.people.actor(repair.requester) if repair else None
    if repair is not None and not repair.over:
        await processes.start_command_repair(repair, requester.handle if requester else "")


async def _told(tell: Callable[[UUID], Awaitable[None]], approval: UUID) -> None:
    try:
        await tell(approval)
    except Unavailable:
        return  # it looks for itself


async def _answered(tx: Transaction, repair: Repair, answer: Answer) -> Repair:
    if not answer.passes:
        return await _ended(tx, repair, ENDS.get(answer, Standing.VOID), answer.value.lower())
    try:
        async with tx.commands.attempt():
            await _made(tx, repair)
    except NotAsAsked as error:
        return await _ended(tx, repair, Standing.VOID, str(error))
    except Unavailable:
        raise
    except Refusal as refusal:  # something is not as it was when it was asked for
        return await _ended(tx, repair, Standing.VOID, refusal.kind.replace("-", "_"))
    ended = repair.ended(Standing.MADE, tx.now)
    await tx.commands.repairs.end(ended)
    return ended


async def _made(tx: Transaction, repair: Repair) -> None:
    requester = await tx.people.actor(repair.requester)
    if requester is None:
        raise PermissionMissing(permission=Permission.COMMANDS_OPERATE.value)
    requester.require(Permission.COMMANDS_OPERATE)
    change = await tx.changes.get(repair.approval)
    if change is None or not change.intact:
        raise NotAsAsked(TAMPERED)
    parked = await tx.commands.parked.get(repair.key)
    if parked is None or parked.record.version != repair.seen:
        raise NotAsAsked(MOVED)
    draft = await checked(tx, parked, repair.decision)
    wish = Wish(repair.id, repair.decision, repair.digest, repair.approval)
    await made(tx, requester, parked, wish, draft)


async def _ended(
    tx: Transaction, repair: Repair, standing: Standing, why: str, *, actor: Actor | None = None,
    reason: str | None = None,
) -> Repair:  # fmt: skip
    ended = repair.ended(standing, tx.now, why)
    await tx.commands.repairs.end(ended)
    said = {"operation": str(repair.id), "standing": standing.value, "why": why, "approval": str(repair.approval)}
    await record(
        tx, Action.PARKED_RELEASED, ("command", name_of(repair.key)), actor=actor, reason=reason,
        outcome=Outcome.FAILURE, before={"standing": repair.standing.value}, after=said,
    )  # fmt: skip
    return ended


async def _held(tx: Transaction, operation: UUID) -> Repair:
    """Its command first, as whoever decides holds it."""
    repair = await _existing(tx, operation)
    await tx.commands.get(repair.key, lock=True)
    held = await tx.commands.repairs.get(operation, lock=True)
    return held or repair


async def _existing(tx: Transaction, operation: UUID) -> Repair:
    repair = await tx.commands.repairs.get(operation)
    if repair is None:
        raise _missing(operation)
    return repair


async def _stand(tx: Transaction, repair: Repair) -> RepairStand:
    stand = RepairStand(repair.id, repair.standing, repair.why)
    if repair.over:
        return stand
    words = f"{repair.decision.act.value} of {name_of(repair.key)}"
    return replace(stand, asked=await asked_by(tx, repair.approval, words))


def _missing(operation: UUID) -> Missing:
    return Missing(kind_of_thing="command operation", id=str(operation))
