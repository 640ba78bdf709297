"""Reopenings of closed periods: asked for, seen, and shut before their end."""

from uuid import UUID

from fastapi import APIRouter

from api.auth import Acting
from api.idempotency import KEYED, NewId, Once
from api.paging import Cursor, Limit, cut, decoded, encoded, identifier, moment
from api.routes.periods import At
from api.schemas.common import ReasonIn
from api.schemas.reopenings import ReopeningDetailOut, ReopeningIn, ReopeningOut, ReopeningPage
from api.services import Use

asking = APIRouter(prefix="/api/v1/entities/{entity}/periods", tags=["periods"], route_class=Once)
router = APIRouter(prefix="/api/v1/period-reopenings", tags=["periods"], route_class=Once)


@asking.post("/{period}/reopenings", status_code=202, summary="Ask for a closed period to be opened again")  # noqa: FAST003 -- At takes it
async def ask(place: At, wish: ReopeningIn, new: NewId, actor: Acting, use: Use) -> ReopeningOut:
    """Once others have said yes it takes adjustments until its window ends, and is then certified anew."""
    return ReopeningOut.of(await use.reopenings.asking.ask(actor, wish.wish(new, place)))


@asking.get("/{period}/reopenings", summary="List the reopenings of a period, newest first")  # noqa: FAST003 -- At takes it
async def listed(place: At, actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50) -> ReopeningPage:
    before = decoded("reopenings", cursor, moment, identifier)
    rows = await use.reopenings.looking.page(actor, *place, before, limit + 1)
    page = cut(rows, limit, lambda each: encoded("reopenings", each.reopening.asked_at, each.reopening.id))
    return ReopeningPage.of(page)


@router.get("/{id}", summary="Read how a reopening stands")
async def read(id: UUID, actor: Acting, use: Use) -> ReopeningDetailOut:  # noqa: A002 -- the wire's name
    return ReopeningDetailOut.whole(await use.reopenings.looking.get(actor, id))


@router.post("/{id}/shut", summary="Shut a reopened period before its end", dependencies=KEYED)
async def shut(id: UUID, wish: ReasonIn, actor: Acting, use: Use) -> ReopeningDetailOut:  # noqa: A002 -- the wire's name
    """One that is not open yet is withdrawn."""
    return ReopeningDetailOut.whole(await use.reopenings.shutting.shut(actor, id, wish.reason))
