"""Evidence of a close: bytes that prove what was done, known by their digest, and kept until their time is over."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response

from api.auth import Acting
from api.idempotency import KEYED, Once, OnceLarge
from api.schemas.closure_papers import EvidenceOut
from api.schemas.common import KEY
from api.services import Use
from application.closures.evidence import Attachment

attaching = APIRouter(
    prefix="/api/v1/period-closures/{id}/tasks/{task}/evidence", tags=["periods"], route_class=OnceLarge
)
router = APIRouter(prefix="/api/v1/closure-evidence", tags=["periods"], route_class=Once)

Task = Annotated[str, Path(pattern=KEY, description="The key of the task in its template.")]
Name = Annotated[str, Query(min_length=1, max_length=200, description="Of the file.", examples=["statement.pdf"])]
Why = Annotated[str, Query(min_length=3, max_length=2000, description="Why; it stays in the trail.")]
_BYTES = {
    "requestBody": {"required": True, "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}},
}


@attaching.post("", status_code=201, summary="Attach evidence to a task", dependencies=KEYED, openapi_extra=_BYTES)
async def attach(id: UUID, task: Task, name: Name, request: Request, actor: Acting, use: Use) -> EvidenceOut:  # noqa: A002 -- the wire's name
    """Up to 10 MiB of any kind, by the owner or the reviewer of the task."""
    kind = request.headers.get("content-type", "application/octet-stream").partition(";")[0].strip().lower()
    given = Attachment(name, kind, await request.body())
    return EvidenceOut.of(await use.closures.evidence.attach(actor, id, task, given))


@router.get("/{id}", summary="Read what evidence is")
async def read(id: UUID, actor: Acting, use: Use) -> EvidenceOut:  # noqa: A002 -- the wire's name
    return EvidenceOut.of(await use.closures.evidence.get(actor, id))


@router.get(
    "/{id}/content", summary="Read the bytes of evidence", response_class=Response,
    responses={200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}},
)  # fmt: skip
async def content(id: UUID, actor: Acting, use: Use) -> Response:  # noqa: A002 -- the wire's name
    """As they were attached: their digest is computed again before they are handed out."""
    found, held = await use.closures.evidence.read(actor, id)
    headers = {"Content-Disposition": "attachment", "ETag": f'"{found.sha256}"'}
    return Response(held, media_type="application/octet-stream", headers=headers)


@router.delete("/{id}", status_code=204, summary="Remove evidence whose time is over", dependencies=KEYED)
async def remove(id: UUID, reason: Why, actor: Acting, use: Use) -> None:  # noqa: A002 -- the wire's name
    await use.closures.evidence.remove(actor, id, reason)
