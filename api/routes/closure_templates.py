"""Templates of closes: the tasks that belong to every close of a kind, who does them, and in which order."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.auth import Acting
from api.conditions import ExpectedVersion, flag_tag
from api.idempotency import KEYED, Once
from api.paging import Cursor, Limit, cut, decoded, encoded, text
from api.schemas.closure_papers import TemplateIn, TemplateOut, TemplatePage
from api.schemas.common import KEY
from api.services import Use

router = APIRouter(prefix="/api/v1/closure-templates", tags=["periods"], route_class=Once)

Code = Annotated[str, Path(pattern=KEY)]


@router.get("", summary="List templates of closes, by code")
async def listed(actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50) -> TemplatePage:
    (after,) = decoded("closure_templates", cursor, text) or ("",)
    rows = await use.closures.templates.page(actor, after, limit + 1)
    return TemplatePage.of(cut(rows, limit, lambda each: encoded("closure_templates", each.stored.template.code)))


@router.get("/{name}", summary="Read a template of closes")
async def read(name: Code, actor: Acting, use: Use, answer: Response) -> TemplateOut:
    found = await use.closures.templates.get(actor, name)
    answer.headers["ETag"] = flag_tag(found.stored.template.version)
    return TemplateOut.of(found)


@router.put("/{name}", summary="Set a template of closes", dependencies=KEYED)
async def put(
    name: Code, wish: TemplateIn, expected: ExpectedVersion, actor: Acting, use: Use, answer: Response
) -> TemplateOut:  # fmt: skip
    """Over `"v0"` the first time. A close that runs keeps the version with which it began."""
    found = await use.closures.templates.put(actor, name, {"tasks": wish.tasks}, expected=expected, reason=wish.reason)
    answer.headers["ETag"] = flag_tag(found.stored.template.version)
    return TemplateOut.of(found)
