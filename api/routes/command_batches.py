"""Batches: many commands that are sent as one, and how far they are."""

from fastapi import APIRouter, Response

from api.auth import Acting
from api.idempotency import KEYED, Once, OnceLarge
from api.paging import Cursor, Limit, cut, decoded, encoded, moment, text
from api.routes.commands import Id
from api.schemas.command_batches import CommandBatchIn, CommandBatchOut, CommandBatchPage, CommandBatchSentOut
from api.services import Use

router = APIRouter(prefix="/api/v1/command-batches", tags=["commands"], route_class=Once)
many = APIRouter(prefix="/api/v1/command-batches", tags=["commands"], route_class=OnceLarge)


@many.post("", summary="Send a batch of commands, all or none", status_code=201, dependencies=KEYED)
async def send(wish: CommandBatchIn, actor: Acting, use: Use, answer: Response) -> CommandBatchSentOut:
    """201 the first time, 200 with how far it is when it was sent before, 409 when one of its commands was."""
    sent = await use.commands.batches.send(actor, wish.wish())
    answer.status_code = 200 if sent.replayed else 201
    return CommandBatchSentOut.of(sent)


@router.get("", summary="List batches of commands, newest first")
async def batches(actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50) -> CommandBatchPage:
    at, last = decoded("command_batches", cursor, moment, text) or (None, None)
    rows = await use.commands.batches.page(actor, (at, last) if at and last else None, limit + 1)
    return CommandBatchPage.of(
        cut(rows, limit, lambda each: encoded("command_batches", each.batch.created_at, each.batch.id))
    )


@router.get("/{id}", summary="Read how far a batch of commands is")
async def read(id: Id, actor: Acting, use: Use) -> CommandBatchOut:  # noqa: A002 -- the wire's name
    """`GET /api/v1/commands?batch=...` lists what is in it."""
    return CommandBatchOut.of(await use.commands.batches.get(actor, id))
