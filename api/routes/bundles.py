"""Settings and flags of an environment as one document: exported, imported whole or not at all, and compared."""

from collections.abc import AsyncIterator
from functools import partial
from uuid import uuid4

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from api.auth import Acting
from api.idempotency import KEYED, OnceLarge
from api.intake import Checked
from api.problems import BodyTooLarge
from api.schemas.bundles import BundleIn, BundleOut, DriftIn, DriftOut, ImportOut, UploadOut
from api.services import Use
from api.spooling import spooled
from application.settings.uploads import MOST_BYTES
from domain.environments import Environment

PREFIX = "/api/v1/settings-bundles"
router = APIRouter(prefix=PREFIX, tags=["bundles"], route_class=OnceLarge)
reading = APIRouter(prefix=PREFIX, tags=["bundles"], route_class=Checked)
uploads = APIRouter(prefix=PREFIX, tags=["bundles"])
"""Apart, because what is uploaded is read as it comes."""

_BYTES = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@reading.get("", summary="Export settings and flags of an environment", response_model=BundleOut)
async def export(environment: Environment, actor: Acting, use: Use) -> Response:
    """Definitions, what scopes say and plan to, and flags; secrets stay where they are. It is an event in the trail."""
    told, body = await spooled(partial(use.setting.transfer.export, actor, environment))
    name = f"{told.tenant}.{environment.value}.json"
    headers = {"ETag": f'"{told.checksum}"', "Content-Disposition": f'attachment; filename="{name}"',
               "Content-Length": str(told.size)}  # fmt: skip
    return StreamingResponse(body, media_type="application/json", headers=headers)


@router.post("", summary="Import a bundle, all or nothing", dependencies=KEYED)
async def import_(wish: BundleIn, actor: Acting, use: Use, answer: Response) -> ImportOut:
    """`dry_run` tells what would be, and changes nothing. 202 where it waits for approval."""
    imported = await use.setting.transfer.import_(actor, wish.intake())
    if imported.submitted is not None:
        answer.status_code = 202
    return ImportOut.of(imported)


@router.post("/drift", summary="Compare a bundle with what is stored and what was synced")
async def drift(wish: DriftIn, actor: Acting, use: Use) -> DriftOut:
    """Who moved since the last sync: the server, the file, or both and not to the same. Nothing is changed."""
    raw = wish.bundle if wish.upload is None else await use.bundles.syncs.uploaded(actor, wish.upload)
    return DriftOut.of(await use.bundles.syncs.drift(actor, wish.environment, raw, wish.from_tenant))


@uploads.post("/uploads", summary="Upload a large bundle", status_code=201, openapi_extra=_BYTES)
async def upload(request: Request, actor: Acting, use: Use) -> UploadOut:
    """Up to 64 MiB, read as it comes and kept for a day; `POST /imports` says what becomes of it."""
    return UploadOut.of(await use.bundles.uploads.take(actor, uuid4(), _bounded(request)))


async def _bounded(request: Request) -> AsyncIterator[bytes]:
    size = 0
    async for some in request.stream():
        size += len(some)
        if size > MOST_BYTES:
            raise BodyTooLarge(most=MOST_BYTES)
        yield some
