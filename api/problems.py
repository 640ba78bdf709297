"""Refusals on the wire: RFC 9457, one handler, one table."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from api.denials import remember
from domain.errors import (
    Conflict,
    Fault,
    Forbidden,
    Gone,
    Invalid,
    Missing,
    PreconditionMissing,
    Refusal,
    Stale,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from domain.locks import Frozen
from domain.pointers import escaped


class BodyTooLarge(Refusal):
    """The request body is larger than this server takes."""

    kind = "body-too-large"


class MalformedJson(Refusal):
    """The request body is not JSON text (RFC 8259) in well-formed Unicode."""

    kind = "malformed-json"


STATUS: dict[type[Refusal], int] = {
    MalformedJson: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    Missing: 404,
    Conflict: 409,
    Gone: 410,
    Stale: 412,
    BodyTooLarge: 413,
    Invalid: 422,
    Frozen: 423,
    PreconditionMissing: 428,
    TooMany: 429,
    Unavailable: 503,
}
HEADERS: dict[int, dict[str, str]] = {
    401: {"WWW-Authenticate": 'Bearer realm="changegate"'},
    429: {"Retry-After": "1"},
    503: {"Retry-After": "5"},
}
_PLACES = {"body": "", "query": "/query", "header": "/headers", "path": "/path", "cookie": "/cookies"}
_PLAIN = {"uuid_parsing": "expected a UUID", "json_invalid": "expected JSON"}
"""Messages of the validator that would quote the input."""


def status_of(refusal: Refusal) -> int:
    return next((STATUS[c] for c in type(refusal).__mro__ if c in STATUS), 409)


def headers_of(refusal: Refusal) -> dict[str, str]:
    after = refusal.facts.get("retry_after")
    given = {"Retry-After": str(after)} if after is not None else {}
    return {**HEADERS.get(status_of(refusal), {}), **given}


def problem(
    path: str, kind: str, title: str, status: int, *,
    facts: Mapping[str, object] | None = None, headers: Mapping[str, str] | None = None,
) -> Response:  # fmt: skip
    """One problem document; nothing that the client sent stands in it but pointers and ids."""
    told = {"type": f"/problems/{kind}", "title": title, "status": status, "instance": path}
    content = orjson.dumps({**(facts or {}), **told}, default=str)
    return Response(content, status, headers=dict(headers or {}), media_type="application/problem+json")


async def on_refusal(request: Request, refusal: Refusal) -> Response:
    if isinstance(refusal, Forbidden):
        await remember(request, refusal)
    facts: dict[str, object] = dict(refusal.facts)
    if isinstance(refusal, Invalid):
        facts["faults"] = [{"path": fault.path, "message": fault.message} for fault in refusal.faults]
    return problem(
        request.url.path, refusal.kind, str(refusal), status_of(refusal), facts=facts, headers=headers_of(refusal)
    )


async def on_invalid(request: Request, error: RequestValidationError) -> Response:
    """What the schema refuses; the validator's copy of the input is left out."""
    return await on_refusal(request, Invalid(_fault(each) for each in error.errors()))


async def on_http(request: Request, error: HTTPException) -> Response:
    """What the router refuses: no such path, no such method."""
    phrase = HTTPStatus(error.status_code).phrase
    kind = phrase.lower().replace(" ", "-")
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(_methods(request)))
    return problem(request.url.path, kind, f"{phrase}.", error.status_code, headers=headers)


def unexpected(path: str) -> Response:
    """A defect of ours: what it was stands in the log and not in the answer."""
    return problem(path, "internal", "Something failed here; the failure has been logged.", 500)


@contextmanager
def beneath(pointer: str, instead_of: str = "") -> Iterator[None]:
    """Faults that a use case finds in a part of the body point into the body."""
    try:
        yield
    except Invalid as refusal:
        refusal.faults = tuple(_moved(fault, pointer, instead_of) for fault in refusal.faults)
        raise


def _moved(fault: Fault, pointer: str, instead_of: str) -> Fault:
    if not fault.path.startswith(instead_of):
        return fault
    return replace(fault, path=pointer + fault.path.removeprefix(instead_of))


def _fault(error: Mapping[str, Any]) -> Fault:
    place, *rest = error["loc"]
    kind = str(error["type"])
    return Fault(_pointer(str(place), rest), _PLAIN.get(kind, str(error["msg"])))


def _pointer(place: str, rest: Sequence[object]) -> str:
    return _PLACES.get(place, "") + "".join(f"/{escaped(str(step))}" for step in rest)


def _methods(request: Request) -> set[str]:
    """Every method of the path; the router names only those of the first route that it met."""
    routes = request.app.state.operations
    return {method for route in routes if route.path_regex.match(request.url.path) for method in route.methods}
