"""Fiscal calendars: the rules that make years, and the period that a day or an instant has."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from api.auth import Acting
from api.conditions import ExpectedVersion, flag_tag
from api.idempotency import KEYED, Once
from api.paging import NEWEST, Cursor, Limit, cut, decoded, encoded, number, text
from api.problems import beneath
from api.schemas.calendars import CalendarIn, CalendarOut, CalendarPage, ComparisonOut, DraftIn, PeriodFoundOut
from api.schemas.common import KEY
from api.schemas.fiscal_years import Day, DraftYearOut
from api.schemas.rollouts import SubmittedOut
from api.services import Use
from application.calendars.places import Place
from application.submission import Submitted

router = APIRouter(prefix="/api/v1/calendars", tags=["periods"], route_class=Once)
drafts = APIRouter(prefix="/api/v1/calendar-drafts", tags=["periods"])

Entity = Annotated[str | None, Query(pattern=KEY, description="Whose it is; unless said, the tenant's.")]


def _place(calendar: Annotated[str, Path(pattern=KEY)], entity: Entity = None) -> Place:
    return Place(calendar, entity or "")


def _beside(other: Annotated[str, Query(pattern=KEY)], other_entity: Entity = None) -> Place:
    return Place(other, other_entity or "")


def _days(
    begins: Annotated[Day, Query(alias="from")], until: Annotated[Day, Query(description="This day is inside.")]
) -> tuple[date, date]:  # fmt: skip
    return begins, until


At = Annotated[Place, Depends(_place)]
Beside = Annotated[Place, Depends(_beside)]
Days = Annotated[tuple[date, date], Depends(_days)]
On = Annotated[
    str | None,
    Query(max_length=40, description="A local date, or an instant with its offset; unless said, now.",
          examples=["2024-03-31", "2024-04-01T03:30:00Z"]),
]  # fmt: skip


@router.get("", summary="List fiscal calendars, by code")
async def listed(actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50) -> CalendarPage:
    after: tuple[str, str] = decoded("calendars", cursor, text, text) or ("", "")
    rows = await use.calendars.configuring.page(actor, after, limit + 1)
    return CalendarPage.of(cut(rows, limit, lambda each: encoded("calendars", each.code, each.entity)))


@router.get("/{calendar}", summary="Read a fiscal calendar")  # noqa: FAST003 -- At takes it
async def read(place: At, actor: Acting, use: Use, answer: Response) -> CalendarOut:
    """Of an entity that has none of this code, the one by which it goes: of the nearest above it, or of the tenant."""
    found = await use.calendars.configuring.get(actor, place)
    answer.headers["ETag"] = flag_tag(found.calendar.version)
    return CalendarOut.of(found.calendar)


@router.put("/{calendar}", summary="Set the rule of a fiscal calendar", dependencies=KEYED)  # noqa: FAST003 -- At takes it
async def put(
    place: At, wish: CalendarIn, expected: ExpectedVersion, actor: Acting, use: Use, answer: Response
) -> CalendarOut | SubmittedOut:  # fmt: skip
    """Over `"v0"` the first time. Years that were made stay: a new version is for those after them.

    202 with the change that waits where production's policy of calendars asks for approval.
    """
    with beneath("/rule"):
        found = await use.calendar_changes.rule(actor, place, wish.wish(), expected=expected, reason=wish.reason)
    if isinstance(found, Submitted):
        answer.status_code = 202
        return SubmittedOut.of(found)
    answer.headers["ETag"] = flag_tag(found.calendar.version)
    return CalendarOut.of(found.calendar)


@router.get("/{calendar}/versions", summary="List the versions of a fiscal calendar, newest first")  # noqa: FAST003 -- At takes it
async def versions(place: At, actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50) -> CalendarPage:
    (before,) = decoded("calendar_versions", cursor, number) or (NEWEST,)
    rows = await use.calendars.configuring.versions(actor, place, before, limit + 1)
    return CalendarPage.of(cut(rows, limit, lambda each: encoded("calendar_versions", each.version)))


@router.get("/{calendar}/periods", summary="Find the period of a day or an instant")  # noqa: FAST003 -- At takes it
async def period(place: At, actor: Acting, use: Use, on: On = None) -> PeriodFoundOut:
    """An instant has the date that the clocks of `entity` show at it; 404 names the periods around the day."""
    return PeriodFoundOut.of(await use.calendars.looking_up.period(actor, place, on))


@router.get("/{calendar}/comparison", summary="Lay the periods of two calendars side by side")  # noqa: FAST003 -- At takes it
async def comparison(
    place: At, other: Beside, days: Days, actor: Acting, use: Use
) -> ComparisonOut:  # fmt: skip
    """Of the years that were made."""
    return ComparisonOut.of(await use.calendars.looking_up.comparison(actor, place, other, *days))


@drafts.post("", summary="See a year of a rule before it is written")
async def draft(wish: DraftIn, actor: Acting, use: Use) -> DraftYearOut:
    """`restated`: as one of 52 weeks, so that each lies beside one of the next year."""
    with beneath("/rule"):
        year = await use.calendars.configuring.draft(actor, wish.rule, wish.year, restated=wish.restated)
    return DraftYearOut.of(year)
