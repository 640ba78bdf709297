"""Many parked commands are decided about by one operation: tried beforehand, begun, watched, paused and ended."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from api.auth import Acting
from api.conditions import ExpectedVersion, flag_tag
from api.idempotency import KEYED, Once
from api.paging import Cursor, Limit, cut, decoded, encoded, identifier, moment, number
from api.schemas.command_bulks import BulkActIn, BulkAskedOut, BulkDetailOut, BulkItemPage, BulkPage, CommandBulkIn
from api.services import Services, Use
from domain.commands.bulk import BulkAct, ItemOutcome
from domain.people import Actor

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


class Steering:
    """Whoever asks steers this operation, over the version in If-Match."""

    def __init__(self, id: UUID, seen: ExpectedVersion, actor: Acting, use: Use) -> None:  # noqa: A002 -- the wire's name
        self._id, self._seen = id, seen
        self._actor: Actor = actor
        self._use: Services = use

    async def on(self, act: BulkAct, wish: BulkActIn) -> BulkDetailOut:
        entry = (wish.operation_id, act, wish.reason)
        return BulkDetailOut.whole(
            await self._use.command_bulks.operating.act(self._actor, self._id, self._seen, entry)
        )


Steer = Annotated[Steering, Depends()]


@router.post("/{id}/pause", summary="Pause a bulk operation", dependencies=KEYED)  # noqa: FAST003 -- Steering takes it
async def pause(wish: BulkActIn, steer: Steer) -> BulkDetailOut:
    """Nothing more is touched; what was retried goes on."""
    return await steer.on(BulkAct.PAUSE, wish)


@router.post("/{id}/resume", summary="Let a bulk operation go on", dependencies=KEYED)  # noqa: FAST003 -- Steering takes it
async def resume(wish: BulkActIn, steer: Steer) -> BulkDetailOut:
    """Where its gate had stopped it the next stage begins all the same."""
    return await steer.on(BulkAct.RESUME, wish)


@router.post("/{id}/abort", summary="Abort a bulk operation", dependencies=KEYED)  # noqa: FAST003 -- Steering takes it
async def abort(wish: BulkActIn, steer: Steer) -> BulkDetailOut:
    """What was not touched stays parked; what was retried goes on, and is told where it came."""
    return await steer.on(BulkAct.ABORT, wish)
