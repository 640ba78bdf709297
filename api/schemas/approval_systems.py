"""Approval systems and their tickets on the wire; secrets come in and never go out."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.schemas.common import In, Object, Out, Reason
from application.external.answers import Taken
from application.external.systems import SystemWish
from application.ports.outward import ApprovalSystem, Ticket, TicketState
from domain.approvals import Answer


class ApprovalSystemIn(In):
    """`secret` signs both ways and is needed the first time; `authorization` is sent with what we ask."""

    url: Annotated[str, Field(max_length=2000, examples=["https://acme.service-now.example"])]
    mapping: Object
    secret: Annotated[str | None, Field(max_length=300)] = None
    authorization: Annotated[str | None, Field(max_length=2000)] = None
    reason: Reason

    def wish(self) -> SystemWish:
        return SystemWish(self.url, self.mapping, self.secret, self.authorization)


class ApprovalSystemOut(Out):
    """`principal` is who votes for it."""

    name: str
    version: int
    url: str
    mapping: Object
    principal: UUID
    written_at: datetime

    @classmethod
    def of(cls, found: ApprovalSystem) -> "ApprovalSystemOut":
        return cls(
            name=found.name,
            version=found.version,
            url=found.url,
            mapping=found.mapping,
            principal=found.principal,
            written_at=found.written_at,
        )


class ApprovalSystemList(Out):
    items: list[ApprovalSystemOut]

    @classmethod
    def of(cls, found: list[ApprovalSystem]) -> "ApprovalSystemList":
        return cls(items=[ApprovalSystemOut.of(each) for each in found])


class TicketOut(Out):
    """`key` is what the ticket is called there; levels count from 1."""

    id: UUID
    system: str
    level: int
    digest: str
    state: TicketState
    key: str | None
    answer: Answer | None
    attempts: int
    last_error: str | None
    created_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, ticket: Ticket) -> "TicketOut":
        return cls(
            id=ticket.id,
            system=ticket.system,
            level=ticket.level + 1,
            digest=ticket.digest,
            state=ticket.state,
            key=ticket.key,
            answer=ticket.answer,
            attempts=ticket.attempts,
            last_error=ticket.last_error,
            created_at=ticket.created_at,
            ended_at=ticket.ended_at,
        )


class TicketList(Out):
    items: list[TicketOut]

    @classmethod
    def of(cls, tickets: list[Ticket]) -> "TicketList":
        return cls(items=[TicketOut.of(each) for each in tickets])


class TakenOut(Out):
    """`counted` is false for what decides nothing, and for the same answer again."""

    ticket: UUID | None
    answer: Answer | None
    counted: bool

    @classmethod
    def of(cls, taken: Taken | None) -> "TakenOut":
        if taken is None:
            return cls(ticket=None, answer=None, counted=False)
        return cls(ticket=taken.ticket.id, answer=taken.ticket.answer, counted=taken.counted)
