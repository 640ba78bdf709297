"""A ticket is made where a level asks for it, looked at until it is answered, and ended with its request."""

import json
import random
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

import structlog

from application.external.answers import Answers, TicketAnswer
from application.external.mapping import Ask, Asking, Said, parsed_mapping
from application.external.sealing import opened, whole
from application.external.systems import system_aad
from application.ports.egress import AddressRefused, CallFailed, Egress, EgressResponse
from application.ports.outward import ApprovalSystem, Signatures, Ticket, TicketState
from application.ports.secrets import KeysUnavailable, SealBroken, Sealer, Secret
from application.ports.store import Store, Transaction
from application.recording import record
from application.summaries import summary
from domain.approvals import Approval, Standing, Timetable
from domain.audit import Action
from domain.canonical import Json
from domain.errors import Refusal, Unavailable

log = structlog.get_logger()

LONGEST_PAUSE: Final = 300.0
IDLE: Final = timedelta(minutes=5)
"""How often somebody looks whether the request of a ticket that is not polled has ended."""


@dataclass(frozen=True)
class Errand:
    """What one attempt needs, read before anybody is called."""

    ticket: Ticket
    system: ApprovalSystem
    asking: Asking
    seal: str
    fields: dict[str, str]


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

    async def attend(self, tenant: UUID, ticket: UUID) -> None:
        """Make it, or look at it, and write down how that went; a failure is tried again, longer each time."""
        async with self._store.transaction(tenant) as tx:
            claimed = await tx.outward.claim_ticket(ticket, uuid4())
            errand = await self._errand(tx, claimed) if claimed is not None else None
        if errand is None:
            return
        try:
            if errand.ticket.state is TicketState.DUE:
                await self._make(tenant, errand)
            else:
                await self._look(tenant, errand)
        except (AskFailed, SealBroken, KeysUnavailable) as failure:
            await self._failed(tenant, errand, str(failure.facts.get("reason") or failure.kind))

    async def _errand(self, tx: Transaction, ticket: Ticket) -> Errand | None:
        approval = await tx.approvals.get(ticket.approval)
        if approval is None or approval.standing is not Standing.PENDING or approval.digest != ticket.digest:
            await tx.outward.save_ticket(replace(ticket, state=TicketState.CLOSED))
            await record(tx, Action.TICKET_CLOSED, ("ticket", ticket.id), change=ticket.approval,
                         after={"system": ticket.system, "key": ticket.key})  # fmt: skip
            return None
        system = await tx.outward.system(ticket.system)
        if system is None or approval.tally.level != ticket.level:
            why = "no-such-system" if system is None else "level-not-open"
            await tx.outward.save_ticket(replace(ticket, last_error=why), IDLE)
            return None
        asking = parsed_mapping(system.mapping)
        seal = await whole(tx, self._doors.sealer, system.sealed)
        return Errand(ticket, system, asking, seal, await self._fields(tx, ticket, approval))

    async def _make(self, tenant: UUID, errand: Errand) -> None:
        found = None
        again = errand.asking.find(errand.fields)
        if errand.ticket.attempts > 1 and again is not None:
            answer = await self._asked(tenant, errand, again)
            found = errand.asking.found(answer)
        if found is None:
            answer = await self._asked(tenant, errand, errand.asking.create(errand.fields))
            found = errand.asking.created(answer)
        if found is None:
            raise AskFailed(reason="no-key")
        made = replace(errand.ticket, state=TicketState.OPEN, key=found, attempts=0, last_error=None)
        async with self._store.transaction(tenant) as tx:
            present = await tx.outward.ticket(made.id, lock=True)
            if present is None or present.state is not TicketState.DUE:
                return  # its answer was faster than ours
            await tx.outward.save_ticket(made, self._until_next(errand))
            await record(tx, Action.TICKET_OPENED, ("ticket", made.id), change=made.approval,
                         after={"system": made.system, "key": found, "level": made.level + 1,
                                "digest": made.digest})  # fmt: skip

    async def _look(self, tenant: UUID, errand: Errand) -> None:
        ticket, said = errand.ticket, Said(None)
        if errand.asking.polls and ticket.key is not None:
            answer = await self._asked(tenant, errand, errand.asking.poll(errand.fields, ticket.key))
            said = errand.asking.polled(answer)
        if said.answer is not None:
            given = TicketAnswer(ticket.id, said.answer, said.reason, f"poll/{ticket.id}", None, "poll")
            try:
                await self._answers.take(tenant, ticket.system, given)
            except Unavailable:
                raise AskFailed(reason="vote-delayed") from None
            except Refusal as refusal:
                log.warning("ticket.refused", ticket=str(ticket.id), refusal=refusal.kind)
                await self._failed(tenant, errand, refusal.kind)
            return
        async with self._store.transaction(tenant) as tx:
            present = await tx.outward.ticket(ticket.id, lock=True)
            if present is not None and not present.state.ended:
                await tx.outward.save_ticket(replace(ticket, attempts=0, last_error=None), self._until_next(errand))

    async def _asked(self, tenant: UUID, errand: Errand, ask: Ask) -> Json:
        """What the system answers, as JSON."""
        held = await opened(self._doors.sealer, errand.seal, system_aad(tenant, errand.system.name))
        body = json.dumps(ask.body, ensure_ascii=False).encode() if ask.body is not None else b""
        headers = {"accept": "application/json", "idempotency-key": str(errand.ticket.id)}
        headers |= {"authorization": held["authorization"]} if held.get("authorization") else {}
        try:
            headers |= self._doors.signatures.sign(errand.ticket.id, body, Secret(held["secret"]))
            answer = await self._doors.egress.request(
                ask.method, errand.system.url + ask.path, headers=headers, body=body or None
            )
        except ValueError:
            raise AskFailed(reason="secret") from None
        except AddressRefused as refused:
            raise AskFailed(reason=f"address-{refused.facts['reason']}") from None
        except CallFailed as failed:
            raise AskFailed(reason=str(failed.facts["reason"])) from None
        return _read(answer)

    async def _failed(self, tenant: UUID, errand: Errand, why: str) -> None:
        ticket = errand.ticket
        log.warning("ticket.delayed", ticket=str(ticket.id), attempts=ticket.attempts, reason=why)
        pause = min(2.0 ** min(ticket.attempts, 12), LONGEST_PAUSE) * random.uniform(0.5, 1)
        async with self._store.transaction(tenant) as tx:
            present = await tx.outward.ticket(ticket.id, lock=True)
            if present is not None and not present.state.ended:
                await tx.outward.save_ticket(replace(present, last_error=why), timedelta(seconds=pause))

    def _until_next(self, errand: Errand) -> timedelta:
        return timedelta(seconds=errand.asking.every) if errand.asking.polls else IDLE

    async def _fields(self, tx: Transaction, ticket: Ticket, approval: Approval) -> dict[str, str]:
        change = await tx.changes.get(ticket.approval)
        requester = await tx.people.actor(approval.authors[0])
        home = await tx.tenants.own()
        times = Timetable.of(approval.policy, requested_at=approval.opened_at, level_opened_at=approval.level_opened_at)
        said = [line for part in await summary(tx, ticket.approval) for line in (f"{part.title}:", *part.lines)]
        callback = f"{self._doors.origin}/api/v1/approval-systems/{ticket.system}/callback?tenant={home.slug}"
        return {
            "ticket": str(ticket.id),
            "approval": str(ticket.approval),
            "digest": ticket.digest,
            "level": str(ticket.level + 1),
            "title": f"{change.target.kind.value} {change.label}" if change else "",
            "environment": approval.environment.value,
            "requester": requester.handle if requester else "",
            "deadline": times.deadline.isoformat(timespec="minutes"),
            "reason": change.reason if change else "",
            "summary": "\n".join(said),
            "link": f"{self._doors.origin}/api/v1/approvals/{ticket.approval}",
            "callback": callback,
        }


def _read(answer: EgressResponse) -> Json:
    if not 200 <= answer.status < 300:  # noqa: PLR2004 -- the class of success (RFC 9110)
        raise AskFailed(reason=f"status-{answer.status}")
    try:
        return json.loads(answer.body)
    except ValueError:
        raise AskFailed(reason="not-json") from None
