"""Periods of an entity: what each scope lets in, and how people open, hold back and lock it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from api.auth import Acting
from api.idempotency import KEYED, Once
from api.paging import NEWEST, Cursor, Limit, cut, decoded, encoded, number
from api.routes.entities import Code
from api.routes.fiscal_years import Code as Year
from api.schemas.books import SCOPE
from api.schemas.periods import GatePage, MoveIn, PeriodStateOut, YearMoveIn, YearStateOut
from api.services import Use
from application.periods.moves import GateVerb

PERIOD = r"^(19|2[0-9])[0-9]{2}T?-[0-9]{2}$"

router = APIRouter(prefix="/api/v1/entities/{entity}/periods", tags=["periods"], route_class=Once)
years = APIRouter(prefix="/api/v1/entities/{entity}/years/{year}", tags=["periods"], route_class=Once)

Period = Annotated[str, Path(pattern=PERIOD, description="Year and number, as 2025-03.")]
OfYear = Annotated[
    str | None,
    Query(pattern=r"^(19|2[0-9])[0-9]{2}T?$", description="Unless said, the one that has today there."),
]


def _place(entity: Code, period: Period) -> tuple[str, str]:
    return entity, period


def _year(entity: Code, year: Year) -> tuple[str, str]:
    return entity, year


At = Annotated[tuple[str, str], Depends(_place)]
InYear = Annotated[tuple[str, str], Depends(_year)]


@router.get("", summary="List the periods of a fiscal year, and how each scope of them stands")
async def listed(entity: Code, actor: Acting, use: Use, year: OfYear = None) -> YearStateOut:
    return YearStateOut.of(await use.periods.looking.year(actor, entity, year))


@router.get("/{period}", summary="Read a period, and how each scope stands")  # noqa: FAST003 -- At takes it
async def read(place: At, actor: Acting, use: Use) -> PeriodStateOut:
    return PeriodStateOut.of(await use.periods.looking.period(actor, *place))


@router.get("/{period}/gates/{scope}/history", summary="List how a scope of a period stood, newest first")  # noqa: FAST003 -- At takes it
async def history(
    place: At, scope: Annotated[str, Path(pattern=SCOPE)], actor: Acting, use: Use, cursor: Cursor = None,
    limit: Limit = 50,
) -> GatePage:  # fmt: skip
    (before,) = decoded("gates", cursor, number) or (NEWEST,)
    rows = await use.periods.looking.history(actor, *place, scope, before, limit + 1)
    return GatePage.of(cut(rows, limit, lambda each: encoded("gates", each.epoch)))


@router.post("/{period}/open", summary="Open a period", dependencies=KEYED)  # noqa: FAST003 -- At takes it
async def open_(place: At, wish: MoveIn, actor: Acting, use: Use) -> PeriodStateOut:
    """All named scopes or none; what is open stays as it is unless it is named."""
    return PeriodStateOut.of(await use.periods.gating.period(actor, GateVerb.OPEN, place, wish.wish()))


@router.post("/{period}/soft-close", summary="Let only adjustments into a period", dependencies=KEYED)  # noqa: FAST003 -- At takes it
async def soft_close(place: At, wish: MoveIn, actor: Acting, use: Use) -> PeriodStateOut:
    """By people who may adjust. Unless scopes are named, all that are open."""
    return PeriodStateOut.of(await use.periods.gating.period(actor, GateVerb.SOFT_CLOSE, place, wish.wish()))


@router.post("/{period}/freeze", summary="Let nothing into a period for now", dependencies=KEYED)  # noqa: FAST003 -- At takes it
async def freeze(place: At, wish: MoveIn, actor: Acting, use: Use) -> PeriodStateOut:
    """Unless scopes are named, all that are open."""
    return PeriodStateOut.of(await use.periods.gating.period(actor, GateVerb.FREEZE, place, wish.wish()))


@router.post("/{period}/unlock", summary="Let transactions into a period again", dependencies=KEYED)  # noqa: FAST003 -- At takes it
async def unlock(place: At, wish: MoveIn, actor: Acting, use: Use) -> PeriodStateOut:
    """Where it was closed softly or frozen. What is closed is reopened by a workflow, what is locked never."""
    return PeriodStateOut.of(await use.periods.gating.period(actor, GateVerb.UNLOCK, place, wish.wish()))


@router.post("/{period}/lock", summary="Lock a closed period for good", dependencies=KEYED)  # noqa: FAST003 -- At takes it
async def lock(place: At, wish: MoveIn, actor: Acting, use: Use) -> PeriodStateOut:
    """Unless scopes are named, all that were ever opened; each must be closed."""
    return PeriodStateOut.of(await use.periods.gating.period(actor, GateVerb.LOCK, place, wish.wish()))


@years.post("/open", summary="Open every period of a fiscal year", dependencies=KEYED)
async def open_year(place: InYear, wish: YearMoveIn, actor: Acting, use: Use) -> YearStateOut:
    """Every standard one that is pending, in one transaction; adjusting periods are opened by themselves."""
    return YearStateOut.of(await use.periods.gating.year(actor, GateVerb.OPEN, place, wish.wish()))


@years.post("/lock", summary="Lock a fiscal year for good", dependencies=KEYED)
async def lock_year(place: InYear, wish: YearMoveIn, actor: Acting, use: Use) -> YearStateOut:
    """All of its periods, adjusting ones included, or none: 409 lists those that are not closed."""
    return YearStateOut.of(await use.periods.gating.year(actor, GateVerb.LOCK, place, wish.wish()))
