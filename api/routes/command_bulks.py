"""Many parked commands are decided about by one operation: tried beforehand, begun, watched, paused and ended."""

from uuid import UUID

from fastapi import APIRouter, Response

from api.auth import Acting
from api.conditions import ExpectedVersion, flag_tag
from api.idempotency import KEYED, Once
from api.paging import Cursor, Limit, cut, decoded, encoded, identifier, moment, number
from api.schemas.command_bulks import BulkActIn, BulkAskedOut, BulkDetailOut, BulkItemPage, BulkPage, CommandBulkIn
from api.services import Use
from domain.commands.bulk import BulkAct, ItemOutcome

asking = APIRouter(prefix="/api/v1/parked-commands", tags=["commands"], route_class=Once)
router = APIRouter(prefix="/api/v1/command-bulks", tags=["commands"], route_class=Once)


@asking.post("/bulk", status_code=202, summary="Decide about many parked commands", dependencies=KEYED)
async def ask(wish: CommandBulkIn, actor: Acting, use: Use, answer: Response) -> BulkAskedOut:
    """In stages, each of which must go well before the next begins. What is parked later is no part of it.

    With `dry_run` it only says what it would be about (200).
    """
    if wish.dry_run:
        answer.status_code = 200
        return BulkAskedOut.tried(await use.command_bulks.asking.preview(actor, wish.wish()))
    return BulkAskedOut.asked(await use.command_bulks.asking.ask(actor, wish.wish()))


@router.get("", summary="List bulk operations, newest first")
async def listed(actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50) -> BulkPage:
    before = decoded("command_bulks", cursor, moment, identifier)
    rows = await use.command_bulks.looking.page(actor, before, limit + 1)
    return BulkPage.of(cut(rows, limit, lambda each: encoded("command_bulks", each.asked_at, each.id)))


@router.get("/{id}", summary="Read how a bulk operation stands")
async def read(id: UUID, actor: Acting, use: Use, answer: Response) -> BulkDetailOut:  # noqa: A002 -- the wire's name
    found = await use.command_bulks.looking.get(actor, id)
    answer.headers["ETag"] = flag_tag(found.bulk.version)
    return BulkDetailOut.whole(found)


@router.get("/{id}/items", summary="List the commands of a bulk operation")
async def items(
    id: UUID, actor: Acting, use: Use, outcome: ItemOutcome | None = None, cursor: Cursor = None,  # noqa: A002 -- the wire's name
    limit: Limit = 50,
) -> BulkItemPage:  # fmt: skip
    """In the order in which their turn comes."""
    (after,) = decoded("command_bulk_items", cursor, number) or (0,)
    rows = await use.command_bulks.looking.items(actor, id, outcome, after, limit + 1)
    return BulkItemPage.of(cut(rows, limit, lambda each: encoded("command_bulk_items", each.place)))


@router.post("/{id}/pause", summary="Pause a bulk operation", dependencies=KEYED)
async def pause(
    id: UUID, wish: BulkActIn, seen: ExpectedVersion, actor: Acting, use: Use  # noqa: A002 -- the wire's name
) -> BulkDetailOut:  # fmt: skip
    """Nothing more is touched; what was retried goes on."""
    entry = (wish.operation_id, BulkAct.PAUSE, wish.reason)
    return BulkDetailOut.whole(await use.command_bulks.operating.act(actor, id, seen, entry))


@router.post("/{id}/resume", summary="Let a bulk operation go on", dependencies=KEYED)
async def resume(
    id: UUID, wish: BulkActIn, seen: ExpectedVersion, actor: Acting, use: Use  # noqa: A002 -- the wire's name
) -> BulkDetailOut:  # fmt: skip
    """Where its gate had stopped it the next stage begins all the same."""
    entry = (wish.operation_id, BulkAct.RESUME, wish.reason)
    return BulkDetailOut.whole(await use.command_bulks.operating.act(actor, id, seen, entry))


@router.post("/{id}/abort", summary="Abort a bulk operation", dependencies=KEYED)
async def abort(
    id: UUID, wish: BulkActIn, seen: ExpectedVersion, actor: Acting, use: Use  # noqa: A002 -- the wire's name
) -> BulkDetailOut:  # fmt: skip
    """What was not touched stays parked; what was retried goes on, and is told where it came."""
    entry = (wish.operation_id, BulkAct.ABORT, wish.reason)
    return BulkDetailOut.whole(await use.command_bulks.operating.act(actor, id, seen, entry))
