"""Commands: what modules are told to do, and what has become of it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Response

from api.auth import Acting
from api.idempotency import KEYED, Once, OnceLarge
from api.paging import Cursor, Limit, cut, decoded, encoded, identifier, moment, text
from api.schemas.audit import AuditPage
from api.schemas.commands import CommandIn, CommandOut, CommandPage, CommandsIn, CommandTypesOut, ManySentOut, SentOut
from api.schemas.common import Instant
from api.services import Use
from api.waiting import Patience
from application.ports.commands import CommandFilter
from domain.commands import CommandState
from domain.commands.shape import DOMAIN, ID, TYPE

router = APIRouter(prefix="/api/v1/commands", tags=["commands"], route_class=Once)
many = APIRouter(prefix="/api/v1/commands", tags=["commands"], route_class=OnceLarge)
types = APIRouter(prefix="/api/v1/command-types", tags=["commands"], route_class=Once)

Domain = Annotated[str | None, Query(pattern=f"^{DOMAIN}$")]
Of = Annotated[str, Path(pattern=f"^{DOMAIN}$")]
Id = Annotated[str, Path(pattern=f"^{ID}$")]


def _wanted(  # noqa: PLR0913, PLR0917 -- each is a parameter of the query
    state: CommandState | None = None,
    domain: Domain = None,
    type: Annotated[str | None, Query(pattern=f"^{TYPE}$")] = None,  # noqa: A002 -- the wire's name
    since: Annotated[Instant | None, Query(description="Sent then or later.")] = None,
    until: Annotated[Instant | None, Query(description="Sent before.")] = None,
    correlation: UUID | None = None,
    change: UUID | None = None,
    batch: Annotated[str | None, Query(pattern=f"^{ID}$", description="What they were sent in.")] = None,
) -> CommandFilter:
    return CommandFilter(state, domain, type, since, until, correlation, change, batch)


Wanted = Annotated[CommandFilter, Depends(_wanted)]


@router.post("", summary="Send a command", status_code=201, dependencies=KEYED)
async def send(wish: CommandIn, actor: Acting, use: Use, answer: Response, wait: Patience) -> SentOut:
    """201 the first time, 200 with what has become of it when it was sent before, 409 when it says something else.

    200 as well with the one that has its unique key, where it is to be that one. To whoever waits: 200 when it is over
    by then, else 202 with where it stands.
    """
    if wait.seconds:
        sent = await use.commands.awaiting.send(actor, wish.command(), wait.seconds)
        wait.tell(answer, sent)
        return SentOut.of(sent)
    sent = await use.commands.sending.send(actor, wish.command())
    answer.status_code = 200 if sent.replayed or sent.coalesced else 201
    return SentOut.of(sent)


@many.post("/bulk", summary="Send many commands, all or none", status_code=201, dependencies=KEYED)
async def send_many(wish: CommandsIn, actor: Acting, use: Use) -> ManySentOut:
    """A conflict says in `at` which of them it is about, and then none was sent."""
    return ManySentOut.of(await use.commands.sending.send_many(actor, [each.command() for each in wish.commands]))


@router.get("", summary="List commands, newest first")
async def commands(wanted: Wanted, actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50) -> CommandPage:
    """By state, domain, type, time, correlation, change and batch, all of which must fit."""
    at, *last = decoded("commands", cursor, moment, text, text) or (None,)
    before = (at, last[0], last[1]) if at else None
    rows = await use.commands.looking.page(actor, wanted, before, limit + 1)
    return CommandPage.of(cut(rows, limit, lambda each: encoded("commands", each.sent_at, *each.key)))


@router.get("/{domain}/{id}", summary="Read a command")
async def read(domain: Of, id: Id, actor: Acting, use: Use) -> CommandOut:  # noqa: A002 -- the wire's name
    return CommandOut.of(await use.commands.looking.get(actor, (domain, id)))


@router.get("/{domain}/{id}/trail", summary="Read what happened to a command, oldest first")
async def trail(
    domain: Of,
    id: Id,  # noqa: A002 -- the wire's name
    actor: Acting,
    use: Use,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> AuditPage:
    """Every move with who made it; nothing of a command that was never sent."""
    at, last = decoded("command_trail", cursor, moment, identifier) or (None, None)
    rows = await use.commands.looking.trail(actor, (domain, id), (at, last) if at else None, limit + 1)
    return AuditPage.of(cut(rows, limit, lambda row: encoded("command_trail", row.recorded_at, row.id)))


@types.get("", summary="List the types of commands that handlers take")
async def listed(actor: Acting, use: Use, domain: Domain = None) -> CommandTypesOut:
    return CommandTypesOut.of(await use.commands.looking.types(actor, domain))
