"""The audit trail: read page by page, or exported whole."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from api.auth import Acting
from api.export import MEDIA, Form, exported
from api.intake import Checked
from api.paging import MOST, cut, decoded, encoded, identifier, moment
from api.schemas.audit import AuditPage
from api.schemas.common import Instant
from api.services import Use
from application.ports.records import AuditFilter
from application.ports.store import Place

router = APIRouter(prefix="/api/v1/audit-logs", tags=["audit"], route_class=Checked)


class Filter(BaseModel, extra="forbid"):
    """Every parameter narrows; `since` is included and `until` is not."""

    action: str | None = Field(None, max_length=200)
    actor: UUID | None = None
    resource_type: str | None = Field(None, max_length=200)
    resource: str | None = Field(None, max_length=200)
    change: UUID | None = None
    since: Instant | None = None
    until: Instant | None = None


class PageFilter(Filter):
    cursor: str | None = Field(None, max_length=400, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=MOST, description="Items on one page.")


class ExportFilter(Filter):
    format: Form = Form.JSONL


def narrowing(given: Filter) -> AuditFilter:
    return AuditFilter(**{name: getattr(given, name) for name in Filter.model_fields})


def seen_after(listed: str, given: PageFilter) -> Place | None:
    """Where the page before ended."""
    after = decoded(listed, given.cursor, moment, identifier)
    return (after[0], after[1]) if after else None


@router.get("", summary="Read the audit trail, newest first")
async def page(given: Annotated[PageFilter, Query()], actor: Acting, use: Use) -> AuditPage:
    """Reading it is itself an event in it."""
    rows = await use.auditing.page(actor, narrowing(given), seen_after("audit", given), given.limit + 1)
    return AuditPage.of(cut(rows, given.limit, lambda row: encoded("audit", row.recorded_at, str(row.id))))


@router.get(
    "/export",
    summary="Export the audit trail",
    response_class=StreamingResponse,
    responses={200: {"description": "Every row that stood when the export began, newest first.",
                     "content": {"application/jsonl": {"schema": {"type": "string"}},
                                 "text/csv": {"schema": {"type": "string"}}}}},
)  # fmt: skip
async def export(given: Annotated[ExportFilter, Query()], actor: Acting, use: Use) -> StreamingResponse:
    rows = await use.auditing.export(actor, narrowing(given), given.format.value)
    headers = {"Content-Disposition": f'attachment; filename="audit.{given.format.value}"'}
    return StreamingResponse(exported(rows, given.format), media_type=MEDIA[given.format], headers=headers)
