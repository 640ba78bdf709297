"""Closes of periods: looked at beforehand, begun, watched, ended and proven."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query

from api.auth import Acting
from api.idempotency import KEYED, NewId, Once
from api.paging import Cursor, Limit, cut, decoded, encoded, identifier, moment
from api.schemas.closure_measures import MeasuresOut
from api.schemas.closures import (
    CertificateOut,
    ClosureDetailOut,
    ClosureIn,
    ClosureOut,
    ClosurePage,
    DeadlineIn,
    DryRunIn,
    DryRunOut,
    ReleaseIn,
)
from api.schemas.common import KEY, ReasonIn
from api.services import Use
from application.closures.desk import ActWish
from domain.closures import Act

router = APIRouter(prefix="/api/v1/period-closures", tags=["periods"], route_class=Once)
dry_runs = APIRouter(prefix="/api/v1/closure-dry-runs", tags=["periods"])

Check = Annotated[str, Path(pattern=KEY, description="The name of a check, as `unposted`.")]
Of = Annotated[str | None, Query(pattern=KEY, description="Of this entity alone.")]


@dry_runs.post("", summary="See what would be in the way of a close")
async def dry_run(wish: DryRunIn, actor: Acting, use: Use) -> DryRunOut:
    """On any day; nothing is frozen and nothing is written."""
    return DryRunOut.of(await use.closures.prechecking.dry_run(actor, wish.wish()))


@router.post("", status_code=202, summary="Begin to close a period")
async def begin(wish: ClosureIn, new: NewId, actor: Acting, use: Use) -> ClosureOut:
    """Its gates are frozen, its tasks worked off, it is checked and approved, and then closed. One at a time."""
    return ClosureOut.of(await use.closures.starting.start(actor, wish.start(new)))


@router.get("", summary="List closes, newest first")
async def listed(actor: Acting, use: Use, entity: Of = None, cursor: Cursor = None, limit: Limit = 50) -> ClosurePage:
    before = decoded("closures", cursor, moment, identifier)
    rows = await use.closures.looking.page(actor, entity, before, limit + 1)
    return ClosurePage.of(cut(rows, limit, lambda each: encoded("closures", each.opened_at, each.id)))


@router.get("/{id}", summary="Read how a close stands")
async def read(id: UUID, actor: Acting, use: Use) -> ClosureDetailOut:  # noqa: A002 -- the wire's name
    return ClosureDetailOut.whole(await use.closures.looking.get(actor, id))


@router.get("/{id}/measures", summary="Read how long a close takes")
async def measures(id: UUID, actor: Acting, use: Use) -> MeasuresOut:  # noqa: A002 -- the wire's name
    """When it lands at the present pace and what holds it up; once it is closed, how long it took."""
    return MeasuresOut.of(await use.closures.measuring.of(actor, id))


@router.get("/{id}/certificate", summary="Read the certificate of a close")
async def certificate(id: UUID, actor: Acting, use: Use) -> CertificateOut:  # noqa: A002 -- the wire's name
    """What each module had posted when the gates were closed, who said yes, and which certificate this one follows."""
    found = await use.closures.looking.certificate(actor, id)
    return CertificateOut(digest=found.digest, certificate=found.to_json())


@router.post("/{id}/abort", summary="Abort a close", dependencies=KEYED)
async def abort(id: UUID, wish: ReasonIn, actor: Acting, use: Use) -> ClosureDetailOut:  # noqa: A002 -- the wire's name
    """Its gates are as they were before it. What is closed by now is only reopened."""
    return ClosureDetailOut.whole(await use.closure_desk.act(actor, id, ActWish(Act.ABORT, wish.reason)))


@router.post("/{id}/revalidate", summary="Check the books again", dependencies=KEYED)
async def revalidate(id: UUID, wish: ReasonIn, actor: Acting, use: Use) -> ClosureDetailOut:  # noqa: A002 -- the wire's name
    """Once what was in the way is out of it."""
    return ClosureDetailOut.whole(await use.closure_desk.act(actor, id, ActWish(Act.REVALIDATE, wish.reason)))


@router.post("/{id}/deadline", summary="Give a close more time", dependencies=KEYED)
async def extend(id: UUID, wish: DeadlineIn, actor: Acting, use: Use) -> ClosureDetailOut:  # noqa: A002 -- the wire's name
    return ClosureDetailOut.whole(await use.closure_desk.act(actor, id, wish.wish()))


@router.post("/{id}/checks/{check}/waive", summary="Waive a check that fails", dependencies=KEYED)
async def waive(id: UUID, check: Check, wish: ReasonIn, actor: Acting, use: Use) -> ClosureDetailOut:  # noqa: A002 -- the wire's name
    """Never a critical one, and never by who asked for the close or did a part of it."""
    wished = ActWish(Act.WAIVE_CHECK, wish.reason, check=check)
    return ClosureDetailOut.whole(await use.closure_desk.act(actor, id, wished))


@router.post("/{id}/checks/{check}/acknowledge", summary="Acknowledge a warning", dependencies=KEYED)
async def acknowledge(id: UUID, check: Check, wish: ReasonIn, actor: Acting, use: Use) -> ClosureDetailOut:  # noqa: A002 -- the wire's name
    wished = ActWish(Act.ACKNOWLEDGE_CHECK, wish.reason, check=check)
    return ClosureDetailOut.whole(await use.closure_desk.act(actor, id, wished))


@router.post("/{id}/releases", summary="Release a financial change during a close", dependencies=KEYED)
async def release(id: UUID, wish: ReleaseIn, actor: Acting, use: Use) -> ClosureDetailOut:  # noqa: A002 -- the wire's name
    """Never by an author of the change. What waits goes on within seconds; the release ends with the close."""
    await use.closures.releasing.release(actor, id, wish.change, wish.reason)
    return ClosureDetailOut.whole(await use.closures.looking.get(actor, id))
