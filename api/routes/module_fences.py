"""Modules with books in another database: which gates they are to set, and what they say of them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Response

from api.auth import Acting
from api.conditions import ExpectedVersion, flag_tag
from api.idempotency import KEYED, Once
from api.paging import Cursor, Limit, cut, decoded, encoded, identifier, moment, text
from api.routes.periods import PERIOD
from api.schemas.common import KEY, ReasonIn
from api.schemas.fences import (
    MODULE,
    AcknowledgementIn,
    EpochOut,
    FenceDetailOut,
    FenceOut,
    FencePage,
    ModuleIn,
    ModuleOut,
    ModulePage,
)
from api.services import Use
from application.ports.fences import FenceFilter
from domain.fences import FenceState

modules = APIRouter(prefix="/api/v1/remote-modules", tags=["periods"], route_class=Once)
router = APIRouter(prefix="/api/v1/module-fences", tags=["periods"], route_class=Once)

Module = Annotated[str, Path(pattern=MODULE)]
GivenEpoch = Annotated[int, Query(ge=1, lt=2**53)]


def _of_period(
    entity: Annotated[str, Query(pattern=KEY)],
    period: Annotated[str, Query(pattern=PERIOD, description="Year and number, as 2025-03.")],
) -> tuple[str, str]:
    return entity, period


OfPeriod = Annotated[tuple[str, str], Depends(_of_period)]


def _wanted(
    module: Annotated[str | None, Query(pattern=MODULE)] = None,
    state: FenceState | None = None,
    run: Annotated[UUID | None, Query(description="The close that waits for them.")] = None,
    *,
    outstanding: Annotated[bool, Query(description="Only what was neither answered nor excluded.")] = False,
) -> FenceFilter:
    return FenceFilter(module, state, run, outstanding)


Wanted = Annotated[FenceFilter, Depends(_wanted)]


@modules.get("", summary="List remote modules, by code")
async def listed(actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50) -> ModulePage:
    (after,) = decoded("remote_modules", cursor, text) or ("",)
    rows = await use.fences.modules.page(actor, after, limit + 1)
    return ModulePage.of(cut(rows, limit, lambda each: encoded("remote_modules", each.code)))


@modules.get("/{module}", summary="Read a remote module")
async def read_module(module: Module, actor: Acting, use: Use, answer: Response) -> ModuleOut:
    found = await use.fences.modules.get(actor, module)
    answer.headers["ETag"] = flag_tag(found.version)
    return ModuleOut.of(found)


@modules.put("/{module}", summary="Set a remote module", dependencies=KEYED)
async def put_module(
    module: Module, wish: ModuleIn, expected: ExpectedVersion, actor: Acting, use: Use, answer: Response
) -> ModuleOut:  # fmt: skip
    """Over `"v0"` the first time. It hears of every gate of its scope that moves from now on."""
    found = await use.fences.modules.put(actor, module, wish.wish(), expected=expected, reason=wish.reason)
    answer.headers["ETag"] = flag_tag(found.version)
    return ModuleOut.of(found)


@modules.get("/{module}/epoch", summary="Ask whether a posting of a remote module may be taken in")
async def check_epoch(module: Module, of: OfPeriod, epoch: GivenEpoch, actor: Acting, use: Use) -> EpochOut:
    """By the epoch that it was made under: 409 once the module was excluded, until it acknowledges a newer one."""
    await use.fences.looking.check_epoch(actor, module, *of, epoch)
    return EpochOut.of(module, *of, epoch)


@router.get("", summary="List fences, newest first")
async def fences(wanted: Wanted, actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50) -> FencePage:
    """A module that cannot be told asks here for what is outstanding. The overdue ones wait for a person."""
    at, last = decoded("module_fences", cursor, moment, identifier) or (None, None)
    rows = await use.fences.looking.page(actor, wanted, (at, last) if at else None, limit + 1)
    return FencePage.of(cut(rows, limit, lambda each: encoded("module_fences", each.asked_at, each.id)))


@router.get("/{id}", summary="Read a fence")
async def read(id: UUID, actor: Acting, use: Use) -> FenceDetailOut:  # noqa: A002 -- the wire's name
    return FenceDetailOut.whole(await use.fences.looking.get(actor, id))


@router.post("/{id}/acknowledgement", summary="Say that a module has set its gate", dependencies=KEYED)
async def acknowledge(
    id: UUID,  # noqa: A002 -- the wire's name
    told: AcknowledgementIn,
    actor: Acting,
    use: Use,
) -> FenceOut:
    """Of what comes late or again the answer is the newest fence of that gate: its epoch is what the module sets."""
    return FenceOut.of(await use.fences.settling.acknowledge(actor, id, told.told()))


@router.post("/{id}/retry", summary="Tell a module once more", dependencies=KEYED)
async def retry(id: UUID, wish: ReasonIn, actor: Acting, use: Use) -> FenceOut:  # noqa: A002 -- the wire's name
    return FenceOut.of(await use.fences.settling.retry(actor, id, wish.reason))


@router.post("/{id}/exclude", summary="Go on without a module", dependencies=KEYED)
async def exclude(id: UUID, wish: ReasonIn, actor: Acting, use: Use) -> FenceOut:  # noqa: A002 -- the wire's name
    """Its postings of an older epoch are taken in no more, until it acknowledges a newer one."""
    return FenceOut.of(await use.fences.settling.exclude(actor, id, wish.reason))
