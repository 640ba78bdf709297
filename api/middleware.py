"""Every request has a name in the logs and the audit trail, a defect becomes a 500, and every answer its headers."""

import re
import secrets
import time
from collections.abc import Iterable

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.meters import Meters
from api.problems import unexpected
from application import course
from application.course import Course

TRACEPARENT = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
"""W3C Trace Context, section 3.2."""
LINKS = "/a/"
LOCKED = "default-src 'none'; frame-ancestors 'none'"
SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": LOCKED,
    "Cache-Control": "no-store",
}
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})

log = structlog.get_logger("access")


class Doorway:
    """Outermost of the middleware."""

    def __init__(self, app: ASGIApp, meters: Meters) -> None:
        self.app = app
        self._meters = meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        await Passage(self.app, self._meters, scope, send).go(receive)


class Passage:
    """One request on its way through."""

    def __init__(self, app: ASGIApp, meters: Meters, scope: Scope, send: Send) -> None:
        self._app = app
        self._meters = meters
        self._scope = scope
        self._send = send
        self._status: int | None = None
        self._trace = trace_of(scope["headers"])

    async def go(self, receive: Receive) -> None:
        client = self._scope.get("client")
        course.enter(Course(trace_id=self._trace, source_ip=client[0] if client else None))
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(trace_id=self._trace)
        began = time.perf_counter()
        try:
            await self._app(self._scope, receive, self._answer)
        except Exception:
            log.exception("request.failed", method=self._scope["method"], path=_told(self._scope["path"]))
            if self._status is not None:
                raise  # half an answer is out: breaking the connection is the only way to say that it is not whole
            await unexpected(self._scope["path"])(self._scope, receive, self._answer)
        finally:
            self._account(time.perf_counter() - began)

    async def _answer(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = self._trace
            if not self._scope["path"].startswith("/temporal"):
                for name, value in SECURITY.items():
                    headers.setdefault(name, value)
        await self._send(message)

    def _account(self, seconds: float) -> None:
        method, status = self._scope["method"], self._status or 499
        route = str(getattr(self._scope.get("route"), "path", "")) or "none"
        self._meters.observe(method if method.isalpha() and len(method) <= len("OPTIONS") else "other",
                             route, status, seconds)  # fmt: skip
        if self._scope["path"] not in _QUIET:
            log.info(
                "request", method=method, path=_told(self._scope["path"]), status=status, ms=round(seconds * 1000, 1)
            )


def _told(path: str) -> str:
    """The path for the log: whoever reads that must not find a link that votes."""
    return f"{LINKS}[hidden]" if path.startswith(LINKS) else path


def trace_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The caller's trace id, or a new one where it gives none that is valid."""
    given = next((value for name, value in headers if name == b"traceparent"), b"")
    found = TRACEPARENT.fullmatch(given)
    if found is None or not found[1].strip(b"0"):
        return secrets.token_hex(16)
    return found[1].decode()
