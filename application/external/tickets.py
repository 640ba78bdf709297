"""A ticket is made where a level asks for it, looked at until it is answered, and ended with its request."""

import json
import random
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4, uuid5

import structlog

from application.external.answers import Answers, TicketAnswer
from application.external.ending import MOST_ATTEMPTS, ended, ended_here, outcome_of
from application.external.mapping import Ask, Asking, Said
from application.external.systems import system_aad
from application.faring import Fared, Sent
from application.ports.egress import AddressRefused, CallFailed, Egress, EgressResponse
from application.ports.outward import ApprovalSystem, Signatures, Ticket, TicketState
from application.ports.secrets import KeysUnavailable, SealBroken, Sealer, Secret
from application.ports.store import Store, Transaction
from application.recording import record
from application.sealing import opened, whole
from application.summaries import summary
from domain.approvals import Approval
from domain.audit import Action
from domain.canonical import Json
from domain.errors import Refusal, Unavailable

log = structlog.get_logger()

LONGEST_PAUSE: Final = 300.0
IDLE: Final = timedelta(minutes=5)
"""How often somebody looks whether the request of a ticket that is not polled has ended."""

TICKET: Final = "ticket"
DELIVERED: Final = Sent(TICKET, Fared.DELIVERED)


@dataclass(frozen=True)
class Errand:
    """What one attempt needs, read before anybody is called; `outcome` is how the request ended, if it did."""

    ticket: Ticket
    system: ApprovalSystem
    asking: Asking
    seal: str
    fields: dict[str, str]
    outcome: str | None = None


class AskFailed(Unavailable):
    """The approval system did not take the question."""

    kind = "approval-system-failed"


@dataclass(frozen=True)
class Doors:
    """How the way out is opened: `origin` begins what the system is to call."""

    egress: Egress
    signatures: Signatures
    sealer: Sealer
    origin: str


class Tickets:
    def __init__(self, store: Store, doors: Doors, answers: Answers) -> None:
        self._store = store
        self._doors = doors
        self._answers = answers

    async def attend(self, tenant: UUID, ticket: UUID) -> Sent | None:
        """Make it, look at it or end it, and write down how that went; a failure is tried again, longer each time.

        None where nobody was called, or nobody has answered.
        """
        async with self._store.transaction(tenant) as tx:
            if await tx.outward.claim_ticket(ticket, uuid4()) is None:
                return None
        async with self._store.transaction(tenant) as tx:  # whatever fails here waits until the claim has lapsed
            present = await tx.outward.ticket(ticket, lock=True)
            errand = await self._errand(tx, present) if present is not None and not present.state.ended else None
        if errand is None:
            return None
        try:
            return await self._attempt(tenant, errand)
        except (AskFailed, SealBroken, KeysUnavailable) as failure:
            return await self._failed(tenant, errand, str(failure.facts.get("reason") or failure.kind))

    async def _errand(self, tx: Transaction, ticket: Ticket) -> Errand | None:
        approval = await tx.approvals.get(ticket.approval)
        system = await tx.outward.system(ticket.system)
        outcome = outcome_of(approval, ticket)
        if outcome is not None and await ended_here(tx, ticket, approval, system, outcome):
            return None
        if approval is None or system is None or (outcome is None and approval.tally.level != ticket.level):
            why = "no-such-system" if system is None else "level-not-open"
            await tx.outward.save_ticket(replace(ticket, last_error=why), IDLE)
            return None
        seal = await whole(tx, self._doors.sealer, system.sealed)
        return Errand(ticket, system, Asking(system.mapping), seal, await self._fields(tx, ticket, approval), outcome)

    async def _attempt(self, tenant: UUID, errand: Errand) -> Sent | None:
        if errand.outcome is not None:
            return await self._end(tenant, errand, errand.outcome)
        if errand.ticket.state is TicketState.DUE:
            return await self._make(tenant, errand)
        return await self._look(tenant, errand)

    async def _make(self, tenant: UUID, errand: Errand) -> Sent | None:
        key = await self._found(tenant, errand)
        if key is None:
            answer = await self._asked(tenant, errand, errand.asking.create(errand.fields))
            key = errand.asking.created(_read(answer))
        if key is None:
            raise AskFailed(reason="no-key")
        made = replace(errand.ticket, state=TicketState.OPEN, key=key, attempts=0, last_error=None)
        async with self._store.transaction(tenant) as tx:
            present = await tx.outward.ticket(made.id, lock=True)
            if present is None or present.state is not TicketState.DUE:
                return DELIVERED  # its answer was faster than ours
            await tx.outward.save_ticket(made, self._until_next(errand))
            await record(tx, Action.TICKET_OPENED, ("ticket", made.id), change=made.approval,
                         after={"system": made.system, "key": key, "level": made.level + 1,
                                "digest": made.digest})  # fmt: skip
        return DELIVERED

    async def _found(self, tenant: UUID, errand: Errand) -> str | None:
        """What an attempt made whose answer was lost."""
        ask = errand.asking.find(errand.fields) if errand.ticket.attempts > 1 else None
        return errand.asking.found(_read(await self._asked(tenant, errand, ask))) if ask is not None else None

    async def _end(self, tenant: UUID, errand: Errand, outcome: str) -> Sent | None:
        key = errand.ticket.key or await self._found(tenant, errand)
        ask = errand.asking.close(errand.fields, key, outcome) if key is not None else None
        if ask is not None:
            await self._asked(tenant, errand, ask, uuid5(errand.ticket.id, "close"))
        await self._ended(tenant, replace(errand.ticket, key=key), outcome, there=ask is not None)
        return DELIVERED if ask is not None else None

    async def _ended(
        self, tenant: UUID, ticket: Ticket, outcome: str, *, there: bool, error: str | None = None
    ) -> None:
        async with self._store.transaction(tenant) as tx:
            present = await tx.outward.ticket(ticket.id, lock=True)
            if present is not None and not present.state.ended:
                await ended(tx, ticket, outcome, there=there, error=error)

    async def _look(self, tenant: UUID, errand: Errand) -> Sent | None:
        ticket, said = errand.ticket, Said(None)
        if errand.asking.polls and ticket.key is not None:
            answer = await self._asked(tenant, errand, errand.asking.poll(errand.fields, ticket.key))
            said = errand.asking.polled(_read(answer))
        if said.answer is not None:
            given = TicketAnswer(ticket.id, said.answer, said.reason, f"poll/{ticket.id}", None, "poll")
            try:
                await self._answers.take(tenant, ticket.system, given)
            except Unavailable:
                raise AskFailed(reason="vote-delayed") from None
            except Refusal as refusal:
                log.warning("ticket.refused", ticket=str(ticket.id), refusal=refusal.kind)
                return await self._failed(tenant, errand, refusal.kind)
            return None
        async with self._store.transaction(tenant) as tx:
            present = await tx.outward.ticket(ticket.id, lock=True)
            if present is not None and not present.state.ended:
                await tx.outward.save_ticket(replace(ticket, attempts=0, last_error=None), self._until_next(errand))
        return None

    async def _asked(self, tenant: UUID, errand: Errand, ask: Ask, message: UUID | None = None) -> EgressResponse:
        """What the system answers, if it takes it; `message` stays the same when it is sent again."""
        message = message or errand.ticket.id
        held = await opened(self._doors.sealer, errand.seal, system_aad(tenant, errand.system.name))
        body = json.dumps(ask.body, ensure_ascii=False).encode() if ask.body is not None else b""
        headers = {"accept": "application/json", "idempotency-key": str(message)}
        headers |= {"authorization": held["authorization"]} if held.get("authorization") else {}
        try:
            headers |= self._doors.signatures.sign(message, body, Secret(held["secret"]))
            answer = await self._doors.egress.request(
                ask.method, errand.system.url + ask.path, headers=headers, body=body or None
            )
        except ValueError:
            raise AskFailed(reason="secret") from None
        except AddressRefused as refused:
            raise AskFailed(reason=f"address-{refused.facts['reason']}") from None
        except CallFailed as failed:
            raise AskFailed(reason=str(failed.facts["reason"])) from None
        if not 200 <= answer.status < 300:  # noqa: PLR2004 -- the class of success (RFC 9110)
            raise AskFailed(reason=f"status-{answer.status}")
        return answer

    async def _failed(self, tenant: UUID, errand: Errand, why: str) -> Sent:
        ticket = errand.ticket
        if errand.outcome is not None and ticket.attempts >= MOST_ATTEMPTS:
            log.warning("ticket.given_up", ticket=str(ticket.id), attempts=ticket.attempts, reason=why)
            await self._ended(tenant, ticket, errand.outcome, there=False, error=why)
            return Sent(TICKET, Fared.GIVEN_UP)
        log.warning("ticket.delayed", ticket=str(ticket.id), attempts=ticket.attempts, reason=why)
        pause = min(2.0 ** min(ticket.attempts, 12), LONGEST_PAUSE) * random.uniform(0.5, 1)
        async with self._store.transaction(tenant) as tx:
            present = await tx.outward.ticket(ticket.id, lock=True)
            if present is not None and not present.state.ended:
                await tx.outward.save_ticket(replace(present, last_error=why), timedelta(seconds=pause))
        return Sent(TICKET, Fared.RETRIED)

    def _until_next(self, errand: Errand) -> timedelta:
        return timedelta(seconds=errand.asking.every) if errand.asking.polls else IDLE

    async def _fields(self, tx: Transaction, ticket: Ticket, approval: Approval) -> dict[str, str]:
        change = await tx.changes.get(ticket.approval)
        requester = await tx.people.actor(approval.authors[0])
        home = await tx.tenants.own()
        # Only what is asked now says what changes: to read that takes more than all else here.
        parts = await summary(tx, ticket.approval) if ticket.state is TicketState.DUE else ()
        said = [line for part in parts for line in (f"{part.title}:", *part.lines)]
        callback = f"{self._doors.origin}/api/v1/approval-systems/{ticket.system}/callback?tenant={home.slug}"
        return {
            "ticket": str(ticket.id),
            "approval": str(ticket.approval),
            "digest": ticket.digest,
            "level": str(ticket.level + 1),
            "title": f"{change.target.kind.value} {change.label}" if change else "",
            "environment": approval.environment.value,
            "requester": requester.handle if requester else "",
            "deadline": approval.timetable.deadline.isoformat(timespec="minutes"),
            "reason": change.reason if change else "",
            "summary": "\n".join(said),
            "link": f"{self._doors.origin}/api/v1/approvals/{ticket.approval}",
            "callback": callback,
        }


def _read(answer: EgressResponse) -> Json:
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        raise AskFailed(reason="not-json") from None
