"""The reference describes the routes that there are: as OpenAPI for programs, as a page without scripts for people."""

import json
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse, Response
from jinja2 import Environment, FileSystemLoader

from api.routes import ROUTERS
from api.schemas.common import ProblemOut

ABOUT: dict[str, Any] = {
    "title": "Changegate",
    "version": "1",
    "description": "Every change to a running system: proposed, approved, rolled out in gated stages, audited.",
}
_TITLES = {
    400: "The body is not JSON.",
    401: "Who asks could not be established.",
    403: "This person may not do this.",
    404: "No such thing in this tenant.",
    409: "The state of things does not allow this.",
    412: "Someone else changed this since you read it.",
    413: "The body is too large.",
    422: "The input is not valid; `faults` lists JSON Pointers and messages.",
    428: "This write needs If-Match.",
    429: "Too many requests; wait as long as Retry-After says.",
    500: "Something failed here.",
    503: "A part that this request needs does not answer; nothing was changed.",
}
_STYLED = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_pages = Environment(loader=FileSystemLoader(Path(__file__).parent / "pages"), autoescape=True)

router = APIRouter(include_in_schema=False)


@lru_cache(maxsize=1)
def openapi() -> dict[str, Any]:
    """OpenAPI 3.1 of the control plane. OFREP has a specification of its own."""
    routes = [route for each in ROUTERS for route in each.routes]
    document = get_openapi(routes=routes, openapi_version="3.1.0", **ABOUT)
    schemas = document["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = ProblemOut.model_json_schema()
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"] = {**_problems(operation), **operation["responses"]}
    return document


def _problems(operation: dict[str, Any]) -> dict[str, Any]:
    operation["responses"].pop("422", None)
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    content = {"application/problem+json": schema}
    return {str(status): {"description": title, "content": content} for status, title in _TITLES.items()}


@router.get("/openapi.json")
async def document() -> JSONResponse:
    return JSONResponse(openapi())


@router.get("/docs")
async def page() -> HTMLResponse:
    """Rendered here, from the document: it needs no network and runs no script."""
    html = _pages.get_template("reference.html").render(api=openapi(), example=_example)
    return HTMLResponse(html, headers={"Content-Security-Policy": _STYLED})


@router.get("/docs/reference.css")
async def style() -> Response:
    return Response((Path(__file__).parent / "pages" / "reference.css").read_bytes(), media_type="text/css")


def _example(schema: dict[str, Any]) -> str:
    """The schema as people read it, with references by name."""
    return json.dumps(schema, indent=2, ensure_ascii=False)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(openapi(), indent=2, ensure_ascii=False) + "\n")
