"""Templates that tenants begin with: settings and approval policies, by name, every version kept."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.auth import Acting
from api.conditions import ExpectedVersion, flag_tag
from api.idempotency import KEYED, Once
from api.paging import NEWEST, Cursor, Limit, cut, decoded, encoded, number, text
from api.schemas.common import LARGEST
from api.schemas.tenant_templates import TemplateIn, TemplateOut, TemplatePage
from api.schemas.tenants import TEMPLATE
from api.services import Use

router = APIRouter(prefix="/api/v1/tenant-templates", tags=["tenants"], route_class=Once)

Name = Annotated[str, Path(pattern=TEMPLATE)]
AnyVersion = Annotated[int | None, Query(ge=1, le=LARGEST, description="The newest unless it says which.")]


@router.get("", summary="List templates by name")
async def listed(actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50) -> TemplatePage:
    (after,) = decoded("tenant_templates", cursor, text) or ("",)
    rows = await use.tenants.templates.page(actor, after, limit + 1)
    return TemplatePage.of(cut(rows, limit, lambda each: encoded("tenant_templates", each.name)))


@router.get("/{name}", summary="Read a template")
async def read(name: Name, actor: Acting, use: Use, answer: Response, version: AnyVersion = None) -> TemplateOut:
    template = await use.tenants.templates.get(actor, name, version)
    answer.headers["ETag"] = flag_tag(template.version)
    return TemplateOut.of(template)


@router.put("/{name}", summary="Write the next version of a template", dependencies=KEYED)
async def replace(
    name: Name, expected: ExpectedVersion, wish: TemplateIn, actor: Acting, use: Use, answer: Response
) -> TemplateOut:
    """Over `"v0"` where there is none yet. Tenants that were made from it stay as they are."""
    template = await use.tenants.templates.put(actor, name, wish.content(), expected=expected, reason=wish.reason)
    answer.headers["ETag"] = flag_tag(template.version)
    return TemplateOut.of(template)


@router.get("/{name}/versions", summary="List every version of a template, newest first")
async def versions(name: Name, actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50) -> TemplatePage:
    (before,) = decoded(f"tenant_template:{name}", cursor, number) or (NEWEST,)
    rows = await use.tenants.templates.versions(actor, name, before, limit + 1)
    return TemplatePage.of(cut(rows, limit, lambda each: encoded(f"tenant_template:{name}", each.version)))
