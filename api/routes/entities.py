"""Legal entities: whose books they are, and by which clocks."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.auth import Acting
from api.conditions import ExpectedVersion, flag_tag
from api.idempotency import KEYED, Once
from api.paging import Cursor, Limit, cut, decoded, encoded, text
from api.schemas.common import KEY
from api.schemas.entities import EntityIn, EntityOut, EntityPage
from api.services import Use

router = APIRouter(prefix="/api/v1/entities", tags=["periods"], route_class=Once)

Code = Annotated[str, Path(pattern=KEY)]


@router.get("", summary="List legal entities, by code")
async def listed(actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50) -> EntityPage:
    (after,) = decoded("entities", cursor, text) or ("",)
    rows = await use.calendars.entities.page(actor, after, limit + 1)
    return EntityPage.of(cut(rows, limit, lambda each: encoded("entities", each.code)))


@router.get("/{entity}", summary="Read a legal entity")
async def read(entity: Code, actor: Acting, use: Use, answer: Response) -> EntityOut:
    found = await use.calendars.entities.get(actor, entity)
    answer.headers["ETag"] = flag_tag(found.version)
    return EntityOut.of(found)


@router.put("/{entity}", summary="Set a legal entity", dependencies=KEYED)
async def put(
    entity: Code, wish: EntityIn, expected: ExpectedVersion, actor: Acting, use: Use, answer: Response
) -> EntityOut:  # fmt: skip
    """Over `"v0"` the first time, which is when its place in the group is said. Periods are dates on its clocks."""
    found = await use.calendars.entities.put(actor, entity, wish.wish(), expected=expected, reason=wish.reason)
    answer.headers["ETag"] = flag_tag(found.version)
    return EntityOut.of(found)
