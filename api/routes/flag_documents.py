"""Flags as documents: written for flagd, and taken from flagd, Unleash, LaunchDarkly and GrowthBook."""

import asyncio
import hashlib
from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Response

from api.auth import Acting
from api.idempotency import KEYED, OnceLarge
from api.intake import Checked
from api.routes.flags import In
from api.schemas.flag_documents import FlagDocumentOut, FlagImportIn, FlagImportOut
from api.services import Use
from domain.flags import SHARED_RULES

Authored = Annotated[
    bool, Query(description="As people wrote them, with prerequisites and segments: for another environment here.")
]
PREFIX = "/api/v1/flag-documents"
router = APIRouter(prefix=PREFIX, tags=["flags"], route_class=OnceLarge)
reading = APIRouter(prefix=PREFIX, tags=["flags"], route_class=Checked)


@reading.get("", summary="Export the flags of an environment for flagd", response_model=FlagDocumentOut)
async def export(environment: In, actor: Acting, use: Use, *, authored: Authored = False) -> Response:
    """Definitions, shared rules and metadata, for any evaluator of flagd. `authored`: as they were written instead."""
    document = await use.flag_documents.export(actor, environment, authored=authored)
    body = orjson.dumps({SHARED_RULES: {}, **document.to_json()})
    headers = {"ETag": f'"{hashlib.sha256(body).hexdigest()}"'}
    return Response(body, headers=headers, media_type="application/json")


@router.post("", summary="Import flags of another tool, or of flagd", dependencies=KEYED)
async def import_(wish: FlagImportIn, actor: Acting, use: Use, answer: Response) -> FlagImportOut:
    """`dry_run` tells how each flag would be translated and what would change. 202 where it waits for approval."""
    intake = await asyncio.to_thread(wish.intake)  # a large document takes a while
    imported = await use.flag_documents.import_(actor, intake)
    if imported.submitted is not None:
        answer.status_code = 202
    return FlagImportOut.of(imported)
