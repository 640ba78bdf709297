"""The books of an entity: by which calendar it posts."""

from fastapi import APIRouter, Response

from api.auth import Acting
from api.conditions import ExpectedVersion, flag_tag
from api.idempotency import KEYED, Once
from api.routes.entities import Code
from api.schemas.books import BooksIn, BooksOut
from api.schemas.rollouts import SubmittedOut
from api.services import Use
from application.submission import Submitted

router = APIRouter(prefix="/api/v1/entities/{entity}/books", tags=["periods"], route_class=Once)


@router.get("", summary="Read the books of an entity")
async def read(entity: Code, actor: Acting, use: Use, answer: Response) -> BooksOut:
    found = await use.periods.books.get(actor, entity)
    answer.headers["ETag"] = flag_tag(found.books.version)
    return BooksOut.of(found)


@router.put("", summary="Set the books of an entity", dependencies=KEYED)
async def put(
    entity: Code, wish: BooksIn, expected: ExpectedVersion, actor: Acting, use: Use, answer: Response
) -> BooksOut | SubmittedOut:  # fmt: skip
    """Over `"v0"` the first time. The calendar stays once a period was opened.

    202 with the change that waits where production's policy of calendars asks for approval.
    """
    found = await use.calendar_changes.books(actor, entity, wish.wish(), expected=expected, reason=wish.reason)
    if isinstance(found, Submitted):
        answer.status_code = 202
        return SubmittedOut.of(found)
    answer.headers["ETag"] = flag_tag(found.books.version)
    return BooksOut.of(found)
