"""Closes of many: tried beforehand, begun by one request, watched, taken up again and ended."""

from uuid import UUID

from fastapi import APIRouter

from api.auth import Acting
from api.idempotency import KEYED, NewId, Once
from api.paging import Cursor, Limit, cut, decoded, encoded, identifier, moment
from api.schemas.closure_series import ClosesIn, SeriesDetailOut, SeriesIn, SeriesOut, SeriesPage, TriedSeriesOut
from api.schemas.common import ReasonIn
from api.services import Use

router = APIRouter(prefix="/api/v1/closure-series", tags=["periods"], route_class=Once)
dry_runs = APIRouter(prefix="/api/v1/closure-series-dry-runs", tags=["periods"])


@dry_runs.post("", summary="See what would be in the way of many closes")
async def dry_run(wish: ClosesIn, actor: Acting, use: Use) -> TriedSeriesOut:
    """On any day; nothing is frozen and nothing is written. What the series itself closes first is in nobody's way."""
    return TriedSeriesOut.of(await use.closure_series.trying.dry_run(actor, wish.wishes()))


@router.post("", status_code=202, summary="Begin to close many periods")
async def begin(wish: SeriesIn, new: NewId, actor: Acting, use: Use) -> SeriesOut:
    """Side by side, or one after the other. Each is a close of its own; none begins once one has failed."""
    return SeriesOut.of(await use.closure_series.asking.ask(actor, wish.wish(new)))


@router.get("", summary="List series of closes, newest first")
async def listed(actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50) -> SeriesPage:
    before = decoded("closure-series", cursor, moment, identifier)
    rows = await use.closure_series.looking.page(actor, before, limit + 1)
    return SeriesPage.of(cut(rows, limit, lambda each: encoded("closure-series", each.asked_at, each.id)))


@router.get("/{id}", summary="Read how a series of closes stands")
async def read(id: UUID, actor: Acting, use: Use) -> SeriesDetailOut:  # noqa: A002 -- the wire's name
    return SeriesDetailOut.whole(await use.closure_series.looking.get(actor, id))


@router.post("/{id}/resume", summary="Take a series of closes up again", dependencies=KEYED)
async def resume(id: UUID, wish: ReasonIn, actor: Acting, use: Use) -> SeriesDetailOut:  # noqa: A002 -- the wire's name
    """What failed is tried once more, and the rest goes on; what is closed stays closed."""
    return SeriesDetailOut.whole(await use.closure_series.ending.resume(actor, id, wish.reason))


@router.post("/{id}/abort", summary="Abort a series of closes", dependencies=KEYED)
async def abort(id: UUID, wish: ReasonIn, actor: Acting, use: Use) -> SeriesDetailOut:  # noqa: A002 -- the wire's name
    """What it began and has not closed is taken back; what it joined goes on."""
    return SeriesDetailOut.whole(await use.closure_series.ending.abort(actor, id, wish.reason))
