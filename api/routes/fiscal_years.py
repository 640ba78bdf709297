"""Fiscal years: made once from the rule of their calendar, and removed only while nothing was done in them."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from api.auth import Acting
from api.idempotency import KEYED, Once
from api.paging import Cursor, Limit, cut, decoded, encoded
from api.routes.calendars import At
from api.schemas.fiscal_years import DraftsOut, DraftYearOut, MadeOut, NewYearIn, YearIn, YearOut, YearPage
from api.services import Use
from domain.calendars import FIRST_YEAR, LAST_YEAR

router = APIRouter(prefix="/api/v1/calendars/{calendar}/years", tags=["periods"], route_class=Once)

Number = Annotated[int, Path(ge=FIRST_YEAR, le=LAST_YEAR)]
Code = Annotated[str, Path(pattern=r"^(19|2[0-9])[0-9]{2}T?$", description="2025, or 2025T for a transition year.")]
Why = Annotated[str, Query(min_length=3, max_length=2000, description="Why; it stays in the trail.")]


def _day(value: Any) -> date:
    return date.fromisoformat(str(value))


@router.get("", summary="List the fiscal years that were made, the earliest first")
async def listed(place: At, actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 20) -> YearPage:
    (after,) = decoded("fiscal_years", cursor, _day) or (date.min,)
    rows = await use.calendars.making.page(actor, place, after, limit + 1)
    return YearPage.of(cut(rows, limit, lambda each: encoded("fiscal_years", each.year.begins.isoformat())))


@router.post("/{year}", status_code=201, summary="Make a fiscal year", dependencies=KEYED)
async def make(
    place: At, year: Number, wish: NewYearIn, actor: Acting, use: Use, answer: Response
) -> MadeOut:  # fmt: skip
    """With its periods, and with the transition year before it where the rule changed. 200 when it was there."""
    made = await use.calendars.making.make(actor, place, year, wish.wish(), wish.reason)
    answer.status_code = 201 if made.fresh else 200
    return MadeOut.of(made)


@router.post("/{year}/preview", summary="See a fiscal year before it is made")
async def preview(place: At, year: Number, wish: YearIn, actor: Acting, use: Use) -> DraftsOut:
    """Nothing is written, and what would be refused is."""
    return DraftsOut.of(await use.calendars.making.preview(actor, place, year, wish.wish()))


@router.get("/{year}", summary="Read a fiscal year and its periods")
async def read(place: At, year: Code, actor: Acting, use: Use) -> YearOut:
    return YearOut.of(await use.calendars.making.get(actor, place, year))


@router.get("/{year}/restated", summary="Read a fiscal year as one of 52 weeks")
async def restated(place: At, year: Number, actor: Acting, use: Use) -> DraftYearOut:
    """So that each week lies beside one of the year after; only for calendars of weeks."""
    return DraftYearOut.of(await use.calendars.making.restated(actor, place, year))


@router.delete("/{year}", status_code=204, summary="Remove a fiscal year that was not used", dependencies=KEYED)
async def remove(place: At, year: Code, reason: Why, actor: Acting, use: Use) -> None:
    """The first or the last of its calendar."""
    await use.calendars.making.remove(actor, place, year, reason)
