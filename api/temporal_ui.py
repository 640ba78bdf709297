"""Temporal's own UI is shown under our origin, and nothing can be done through it.

It knows no users, and whoever can signal or terminate a workflow goes around four eyes: so it listens on loopback and
is reached only through here, where reading and workflow queries pass and everything else is refused. It is told so, and
then offers nothing else.
"""

import re
from collections.abc import Iterable
from http import HTTPStatus
from urllib.parse import unquote_to_bytes

import httpx2
import orjson
import structlog
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from api.problems import problem
from api.words import shown

MOUNT = "/temporal"
_QUERY = re.compile(rb"/temporal/api/v1/namespaces/[^/]+/workflows/[^/]+/query/[A-Za-z0-9_.-]+")
"""Whole: a path that merely ends in /query may be a signal of that name."""
_CLIMBS = re.compile(rb"(^|/|%2f)(\.|%2e){1,2}(/|%2f|$)|\\|%5c", re.IGNORECASE)
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
     "transfer-encoding", "upgrade"}
)  # fmt: skip
"""RFC 9110 section 7.6.1, with the names that it lists; those that Connection itself names are dropped, too."""
_NOT_THEIRS = frozenset({"host", "authorization", "x-api-key", "content-length"})
_OURS = frozenset({"x-frame-options", "content-length"})
_SETTINGS = b"/temporal/api/v1/settings"
_WORDS = b"/temporal/render"
"""Where a hosted UI renders Markdown; the one inside Temporal's own server has its page at `_THEIR_WORDS`."""
_THEIR_WORDS = re.compile(rb"/+temporal/+temporal(/|$)", re.IGNORECASE)
"""Its page repeats a link's scripts, and nothing else of the UI stands under its own path twice."""
_READ_ONLY = dict.fromkeys(
    (
        "DisableWriteActions", "StartWorkflowDisabled", "WorkflowCancelDisabled", "WorkflowTerminateDisabled",
        "WorkflowSignalDisabled", "WorkflowUpdateDisabled", "WorkflowResetDisabled", "WorkflowPauseDisabled",
        "BatchActionsDisabled", "ActivityCommandsDisabled",
    ),
    True,
)  # fmt: skip
_MOST_BODY = 64 * 1024
_TIMEOUT = httpx2.Timeout(10.0, connect=2.0)

log = structlog.get_logger()


class TemporalUi:
    """`origin` is scheme, host and port; the UI serves itself under the same path prefix as we do."""

    def __init__(self, origin: str) -> None:
        address = httpx2.URL(origin)
        if address.scheme not in {"http", "https"} or not address.host:
            raise ValueError("the address of Temporal's UI is http(s)://host:port")
        self._origin = address.copy_with(raw_path=b"/")
        self._client = httpx2.AsyncClient(timeout=_TIMEOUT, trust_env=False, follow_redirects=False)

    async def close(self) -> None:
        await self._client.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        answer = await self._answer(request)
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        path = _raw_path(request)
        if _CLIMBS.search(path) or _THEIR_WORDS.match(unquote_to_bytes(path)):
            return problem(request.url.path, "not-found", "No such page.", 404)
        if not _readable(request.method, path):
            return problem(request.url.path, "read-only", "Temporal's UI can only be read here.", 405,
                           headers={"Allow": "GET, HEAD"})  # fmt: skip
        body = await _body(request)
        if body is None:
            return problem(request.url.path, "body-too-large", "The query is too large.", 413)
        if path == _WORDS:
            return _words(request)
        return await self._passed_on(request, path, body)

    async def _passed_on(self, request: Request, path: bytes, body: bytes) -> Response:
        query = request.scope["query_string"]
        url = self._origin.copy_with(raw_path=path + b"?" + query if query else path)
        asked = self._client.build_request(
            request.method, url, headers=_kept(request.headers.items(), _NOT_THEIRS), content=body or None
        )
        try:
            theirs = await self._client.send(asked, stream=True)
            answer = await _settings(theirs) if (request.method, path) == ("GET", _SETTINGS) else _streamed(theirs)
        except httpx2.TransportError as error:
            log.warning("temporal_ui.down", error=type(error).__name__)
            return problem(request.url.path, "unavailable", "Temporal's UI does not answer.", 503,
                           headers={"Retry-After": "5"})  # fmt: skip
        answer.headers.append("Content-Security-Policy", "frame-ancestors 'self'")  # and what theirs forbids
        answer.headers["X-Frame-Options"] = "SAMEORIGIN"
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.headers["Referrer-Policy"] = "no-referrer"
        return answer


def _words(request: Request) -> Response:
    """For the frame of the UI; a browser says where it shows a page, and one that does not is told who wrote it."""
    place = request.headers.get("Sec-Fetch-Dest")
    if place not in {None, "iframe"}:
        return problem(request.url.path, "not-found", "No such page.", 404)
    words, theme = (request.query_params.get(name, "") for name in ("content", "theme"))
    return shown(words, theme, framed=place is not None)


def _streamed(theirs: httpx2.Response) -> Response:
    answer = StreamingResponse(theirs.aiter_raw(), theirs.status_code, background=BackgroundTask(theirs.aclose))
    answer.raw_headers = [
        (name.lower().encode(), value.encode("latin-1")) for name, value in _kept(theirs.headers.multi_items(), _OURS)
    ]
    return answer


async def _settings(theirs: httpx2.Response) -> Response:
    """What the UI is set to, and that it may only read; anything else than settings goes by as it is."""
    try:
        content = await theirs.aread()
    finally:
        await theirs.aclose()
    media = theirs.headers.get("content-type")
    if theirs.status_code == HTTPStatus.OK:
        content, media = orjson.dumps({**orjson.loads(content), **_READ_ONLY}), "application/json"
    return Response(content, theirs.status_code, media_type=media)


def _raw_path(request: Request) -> bytes:
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return raw.partition(b"?")[0]


def _readable(method: str, path: bytes) -> bool:
    return method in {"GET", "HEAD"} or (method == "POST" and _QUERY.fullmatch(path) is not None)


async def _body(request: Request) -> bytes | None:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BODY:
            return None
    return bytes(body)


def _kept(headers: Iterable[tuple[str, str]], dropped: frozenset[str]) -> list[tuple[str, str]]:
    given = [(name.lower(), value) for name, value in headers]
    named = {word.strip().lower() for name, value in given if name == "connection" for word in value.split(",")}
    return [(name, value) for name, value in given if name not in _HOP_BY_HOP | dropped | named]
