"""An answer from outside counts once, for the content that was asked about, as the vote of the system that gave it."""

from dataclasses import dataclass, replace
from uuid import UUID, uuid5

from application.approvals import Approvals, VoteWish
from application.ports.outward import Heard, Ticket, TicketState
from application.ports.processes import Processes
from application.ports.store import Store, Transaction
from application.recording import record
from domain.approvals import Answer, ApprovalClosed, DigestMismatch
from domain.audit import Action, Outcome
from domain.errors import Conflict, Missing, Refusal, Unavailable

LONGEST_REASON = 1000


class AnswerReplayed(Conflict):
    """A message with this id was taken before."""

    kind = "answer-replayed"


class AnswerContradicts(Conflict):
    """This ticket was answered otherwise before, and that answer stands."""

    kind = "answer-contradicts"


@dataclass(frozen=True)
class TicketAnswer:
    """`message` names it once and for all; `digest` is of the content that it is for, None where we asked ourselves."""

    ticket: UUID
    answer: Answer
    reason: str
    message: str
    digest: str | None
    via: str


@dataclass(frozen=True)
class Taken:
    """`counted` is False for the same answer again."""

    ticket: Ticket
    counted: bool


class Answers:
    def __init__(self, store: Store, approvals: Approvals, processes: Processes) -> None:
        self._store = store
        self._approvals = approvals
        self._processes = processes

    async def take(self, tenant: UUID, system: str, given: TicketAnswer) -> Taken:
        """Count the vote; every refusal is in the trail.

        Raises Missing, DigestMismatch, AnswerReplayed, AnswerContradicts, or what refuses the vote.
        """
        try:
            return await self._take(tenant, system, given)
        except Unavailable:
            raise  # nothing was decided: the same message may come again
        except Refusal as refusal:
            await self._refused(tenant, system, given, refusal)
            raise

    async def _take(self, tenant: UUID, system: str, given: TicketAnswer) -> Taken:
        async with self._store.transaction(tenant) as tx:
            ticket = await _checked(tx, system, given)
            if ticket.answer is given.answer:
                await self._repeated(tx, ticket, given)
                return Taken(ticket, counted=False)
            principal = await _principal(tx, system)
            actor = await tx.people.actor(principal)
        if actor is None:
            raise Missing(kind_of_thing="principal", id=str(principal))
        # One id for the ticket and its answer: whoever dies from here on is followed by the same vote, tried again.
        actor = replace(actor, request=_request(ticket, given.answer))
        wish = VoteWish(given.answer, _reason(system, ticket, given), ticket.digest)
        assertion = await self._approvals.assertion(actor, ticket.approval, wish)
        if assertion is not None:
            await self._processes.vote(ticket.approval, given.answer, actor.id, assertion)
        async with self._store.transaction(tenant) as tx:
            return Taken(await self._counted(tx, system, given), counted=True)

    async def _counted(self, tx: Transaction, system: str, given: TicketAnswer) -> Ticket:
        ticket = await _existing(tx, system, given.ticket, lock=True)
        await tx.outward.hear(Heard(system, given.message, ticket.id, given.answer))
        return ticket if ticket.state is TicketState.ANSWERED else await answered(tx, ticket, given.answer, given.via)

    async def _repeated(self, tx: Transaction, ticket: Ticket, given: TicketAnswer) -> None:
        await tx.outward.hear(Heard(ticket.system, given.message, ticket.id, given.answer))
        await record(tx, Action.TICKET_REPEATED, ("ticket", ticket.id), change=ticket.approval,
                     after={"system": ticket.system, "answer": given.answer.value, "via": given.via})  # fmt: skip

    async def _refused(self, tenant: UUID, system: str, given: TicketAnswer, refusal: Refusal) -> None:
        async with self._store.transaction(tenant) as tx:
            found = await tx.outward.ticket(given.ticket)
            ours = found if found is not None and found.system == system else None
            await record(tx, Action.TICKET_REFUSED, ("ticket", given.ticket), outcome=Outcome.DENIED,
                         change=ours.approval if ours else None,
                         after={"system": system, "answer": given.answer.value, "refusal": refusal.kind,
                                "via": given.via})  # fmt: skip


async def answered(tx: Transaction, ticket: Ticket, answer: Answer, via: str) -> Ticket:
    """Its vote was counted."""
    after = replace(ticket, state=TicketState.ANSWERED, answer=answer, last_error=None)
    await tx.outward.save_ticket(after)
    await record(tx, Action.TICKET_ANSWERED, ("ticket", ticket.id), change=ticket.approval,
                 after={"system": ticket.system, "key": ticket.key, "answer": answer.value, "via": via,
                        "level": ticket.level + 1})  # fmt: skip
    return after


async def _checked(tx: Transaction, system: str, given: TicketAnswer) -> Ticket:
    ticket = await _existing(tx, system, given.ticket, lock=True)
    if await tx.outward.heard(system, given.message) is not None:
        raise AnswerReplayed
    if given.digest is not None and given.digest != ticket.digest:
        raise DigestMismatch(expected=ticket.digest)
    if ticket.answer is not None and ticket.answer is not given.answer:
        raise AnswerContradicts(answer=ticket.answer.value)
    if ticket.state is TicketState.CLOSED:
        approval = await tx.approvals.get(ticket.approval)
        raise ApprovalClosed(standing=approval.standing.value if approval else "")
    return ticket


async def _existing(tx: Transaction, system: str, ticket_id: UUID, *, lock: bool = False) -> Ticket:
    found = await tx.outward.ticket(ticket_id, lock=lock)
    if found is None or found.system != system:
        raise Missing(kind_of_thing="ticket", id=str(ticket_id))
    return found


async def _principal(tx: Transaction, system: str) -> UUID:
    found = await tx.outward.system(system)
    if found is None:
        raise Missing(kind_of_thing="approval_system", name=system)
    return found.principal


def _request(ticket: Ticket, answer: Answer) -> UUID:
    return uuid5(ticket.id, answer.value)


def _reason(system: str, ticket: Ticket, given: TicketAnswer) -> str:
    said = f": {given.reason}" if given.reason.strip() else ""
    return f"{system} {ticket.key or ticket.id} says {given.answer.value}{said}"[:LONGEST_REASON]
