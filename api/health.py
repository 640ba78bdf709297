"""Alive is one question and ready another: ready names each part that a request needs, with its truth."""

import asyncio
from collections.abc import Awaitable

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from api.meters import Meters
from api.services import Use

_PATIENCE = 2.0

router = APIRouter(include_in_schema=False)
log = structlog.get_logger()


class Readiness:
    """Closed by whoever stops the process, before it stops taking requests."""

    def __init__(self) -> None:
        self.closing = False

    def close(self) -> None:
        self.closing = True


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """That this is answered at all says that the event loop turns."""
    return {"status": "ok"}


@router.get("/readyz")
async def ready(request: Request, use: Use) -> JSONResponse:
    readiness: Readiness = request.app.state.readiness
    database, temporal = await asyncio.gather(_answers(use.store.ping()), _answers(use.processes.ping()))
    parts = {
        "database": database,
        "temporal": temporal,
        "listener": use.flag_sets.listening,
        "accepting": not readiness.closing,
    }
    good = all(parts.values())
    return JSONResponse({"status": "ready" if good else "not ready", "parts": parts}, 200 if good else 503)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    meters: Meters = request.app.state.meters
    return Response(meters.exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _answers(ping: Awaitable[None]) -> bool:
    try:
        await asyncio.wait_for(ping, _PATIENCE)
    except Exception as error:  # noqa: BLE001 -- whatever keeps a part from answering, it does not answer
        log.warning("readiness.part_down", error=type(error).__name__)
        return False
    return True
