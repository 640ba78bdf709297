"""Exceptions: somebody may post where a gate lets nobody, for a while."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.auth import Acting
from api.idempotency import KEYED, Once
from api.paging import Cursor, Limit, cut, decoded, encoded, identifier
from api.routes.periods import At
from api.schemas.posting_exceptions import ExceptionDetailOut, ExceptionIn, ExceptionOut, ExceptionPage
from api.services import Use

grants = APIRouter(
    prefix="/api/v1/entities/{entity}/periods/{period}/exceptions", tags=["periods"], route_class=Once
)  # fmt: skip
router = APIRouter(prefix="/api/v1/posting-exceptions", tags=["periods"], route_class=Once)

Why = Annotated[str, Query(min_length=3, max_length=2000, description="Why; it stays in the trail.")]


@grants.post("", status_code=201, summary="Let somebody post past a gate, for a while", dependencies=KEYED)
async def grant(place: At, wish: ExceptionIn, actor: Acting, use: Use) -> ExceptionOut:
    """Never into a period that is pending or locked, never to oneself, and for 90 days at most."""
    return ExceptionOut.of(await use.periods.exceptions.grant(actor, *place, wish.wish()))


@grants.get("", summary="List the exceptions of a period, by id")
async def listed(place: At, actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50) -> ExceptionPage:
    (after,) = decoded("exceptions", cursor, identifier) or (None,)
    rows = await use.periods.exceptions.page(actor, *place, after, limit + 1)
    return ExceptionPage.of(cut(rows, limit, lambda each: encoded("exceptions", each.exception.id)))


@router.get("/{id}", summary="Read an exception, and every entry that it let in")
async def read(id: UUID, actor: Acting, use: Use) -> ExceptionDetailOut:  # noqa: A002 -- the wire's name
    return ExceptionDetailOut.of(await use.periods.exceptions.get(actor, id))


@router.delete("/{id}", summary="Revoke an exception", dependencies=KEYED)
async def revoke(id: UUID, reason: Why, actor: Acting, use: Use) -> ExceptionOut:  # noqa: A002 -- the wire's name
    """It lets nobody in from then on; entries that it let in stay."""
    return ExceptionOut.of(await use.periods.exceptions.revoke(actor, id, reason))
