"""Imports of large bundles: asked for, watched, cancelled."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Request

from api.auth import Acting
from api.idempotency import KEYED, NewId, Once
from api.intake import Checked
from api.paging import Cursor, Limit, cut, decoded, encoded, identifier, moment
from api.schemas.common import ReasonIn
from api.schemas.imports import ImportDetailOut, ImportIn, ImportPage, ImportStateOut
from api.services import Services, Use
from api.streaming import EventStream, leaving
from application.ports.imports import ImportRecord, Progress
from domain.people import Actor

LOOK_SECONDS = 0.5
MOST_LOOKS = 600
"""A stream ends after five minutes, and whoever still wants to know opens another."""

router = APIRouter(prefix="/api/v1/imports", tags=["bundles"], route_class=Once)
watching = APIRouter(prefix="/api/v1/imports", tags=["bundles"], route_class=Checked)


@router.post("", summary="Import an upload", status_code=202)
async def request_import(wish: ImportIn, new: NewId, actor: Acting, use: Use) -> ImportStateOut:
    """Everything is validated first, then planned, approved where policy asks, and applied as a whole or not at all."""
    return ImportStateOut.of(await use.bundles.imports.request(actor, new, wish.wish()))


@router.get("", summary="List imports, newest first")
async def page(actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50) -> ImportPage:
    after = decoded("imports", cursor, moment, identifier)
    rows = await use.bundles.imports.page(actor, (after[0], after[1]) if after else None, limit + 1)
    return ImportPage.of(cut(rows, limit, lambda row: encoded("imports", row.created_at, str(row.id))))


@router.get("/{id}", summary="Read how an import stands")
async def read(id: UUID, actor: Acting, use: Use) -> ImportDetailOut:  # noqa: A002 -- the name in the path
    return ImportDetailOut.whole(*await use.bundles.imports.get(actor, id))


@router.post("/{id}/cancel", summary="Cancel an import", dependencies=KEYED)
async def cancel(id: UUID, wish: ReasonIn, actor: Acting, use: Use) -> ImportStateOut:  # noqa: A002 -- the name in the path
    """Until it has taken effect; one that waits for approval is withdrawn as a change."""
    return ImportStateOut.of(await use.bundles.imports.cancel(actor, id, wish.reason))


@watching.get(
    "/{id}/progress", summary="Watch an import", response_class=EventStream, status_code=200,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)  # fmt: skip
async def progress(id: UUID, request: Request, actor: Acting, use: Use) -> EventStream:  # noqa: A002 -- the name in the path
    """Server-sent events: `progress` whenever it is further, and `ended` with how it ended."""
    first = _told(*await use.bundles.imports.get(actor, id))
    return EventStream(_blocks(use, actor, id, first), leaving(request), _nothing)


async def _blocks(use: Services, actor: Actor, wanted: UUID, seen: dict[str, Any]) -> AsyncGenerator[bytes, None]:
    last = None
    for _ in range(MOST_LOOKS):
        ended = seen["ended_at"] is not None
        if seen != last or ended:
            yield b"event: " + (b"ended" if ended else b"progress") + b"\ndata: " + orjson.dumps(seen) + b"\n\n"
        if ended:
            return
        last = seen
        await asyncio.sleep(LOOK_SECONDS)
        seen = _told(*await use.bundles.imports.get(actor, wanted))


def _told(found: ImportRecord, reached: Progress) -> dict[str, Any]:
    told = ImportDetailOut.whole(found, reached)
    return told.model_dump(mode="json", include={"id", "state", "change", "progress", "ended_at"})


async def _nothing() -> None:
    """Nothing is held while it is watched."""
