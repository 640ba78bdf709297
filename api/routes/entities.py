"""Legal entities: whose books they are, and by which clocks."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.auth import Acting
from api.conditions import ExpectedVersion, flag_tag
from api.idempotency import KEYED, Once
from api.paging import Cursor, Limit, cut, decoded, encoded, text
from api.schemas.common import KEY
from api.schemas.entities import DueDateOut, EntityIn, EntityOut, EntityPage
from api.schemas.fiscal_years import Day
from api.services import Use
from application.calendars.due_dates import MOST_DAYS

router = APIRouter(prefix="/api/v1/entities", tags=["periods"], route_class=Once)

Code = Annotated[str, Path(pattern=KEY)]
Count = Annotated[int, Query(alias="business_days", ge=0, le=MOST_DAYS, description="0 is that day or the next open.")]


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


@router.get("/{entity}/due-dates", summary="Find what is due some business days after a date")
async def due(entity: Code, after: Annotated[Day, Query()], count: Count, actor: Acting, use: Use) -> DueDateOut:
    """Weekends are Saturday and Sunday; holidays are those of the entity's country, if it has one."""
    return DueDateOut.of(await use.calendars.due_dates.after(actor, entity, after, count))
