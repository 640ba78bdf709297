"""A stand-in for the API on a free port of loopback: a few of its answers over real HTTP, and faults on order.

What it answers is a subset of the real one; that the client fits the real one is proven where both are at hand.
"""

import asyncio
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

TOKEN = "a.good.token"


@dataclass
class Value:
    value: Any
    type: str = "string"
    then: tuple[float, Any] | None = None

    def at(self, now: float) -> tuple[Any, float | None]:
        if self.then is None:
            return self.value, None
        due, after = round(self.then[0], 3), self.then[1]
        return (after, None) if now >= due else (self.value, due)


@dataclass
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class StandIn:
    """`values` is what is in force; `answers` are given first, once each: status, headers, content."""

    values: dict[str, Value] = field(default_factory=dict)
    flags: dict[str, Any] = field(default_factory=dict)
    shared: dict[str, Any] = field(default_factory=dict)
    revision: int = 1
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    token: str = TOKEN
    page: int = 2
    resync_next: bool = False
    untold: int = 0

    def __post_init__(self) -> None:
        self.events: list[str] = []
        self.news = threading.Condition()
        self._server: ThreadingHTTPServer | None = None
        self._whole: dict[str, Callable[[Asked], tuple[int, dict[str, str], bytes]]] = {
            "/watch": self._watch,
            "/flagd/v1/flags.json": self._document,
            "/telemetry": lambda asked: ok({"batch": asked.body["batch"], "fresh": True}),
            "/settings/effective": self._page,
            "/instances/acknowledgements": lambda asked: ok({"taken": len(asked.body["instances"])}),
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def say(self, key: str, value: Any, kind: str = "string") -> None:
        with self.news:
            self.values[key] = Value(value, kind)
            self.events.append(key)
            self.news.notify_all()

    def serve(self, shared: dict[str, Any] | None = None, /, **flags: Any) -> None:
        """The next revision of the flag set: these rules, and these flags as well or instead; None takes one away."""
        with self.news:
            self.flags = {key: flag for key, flag in {**self.flags, **flags}.items() if flag is not None}
            self.shared = self.shared if shared is None else shared
            self.revision += 1
            self.news.notify_all()

    def __enter__(self) -> Self:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except (ConnectionError, ValueError):  # the client went, or the server was stopped
                    self.close_connection = True

            def _answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or "null")
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, parts.path.removeprefix("/api/v1"), query, headers, body)
                server.asked.append(asked)
                if asked.path == "/watch" and "event-stream" in headers.get("accept", ""):
                    self._stream(asked)
                    return
                status, more, content = server.answer(asked)
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **more}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def _stream(self, asked: Asked) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Connection", "close")
                self.end_headers()
                self.close_connection = True
                for block in server.blocks(int(asked.headers["last-event-id"])):
                    self.wfile.write(block)
                    self.wfile.flush()

            do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 -- the names of http.server

            def log_message(self, *_: object) -> None:
                pass

        self.running = True
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Nobody listens any more, and who waits is let go."""
        if self._server is not None:
            self.running = False
            with self.news:
                self.news.notify_all()
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def epoch(self) -> int:
        return len(self.events) + self.untold

    def event(self, key: str) -> Any:
        return {"type": "SettingChanged", "subject": {"key": key, "scope": ""}, "epoch": self.epoch}

    def blocks(self, at: int) -> Iterator[bytes]:
        yield f"retry: 1000\nid: {at}\n\n".encode()
        while self.running:
            with self.news:
                if len(self.events) <= at and self.running:
                    self.news.wait(0.2)
                new = self.events[at:]
            for key in new:
                at += 1
                yield f"id: {at}\nevent: SettingChanged\ndata: {json.dumps(self.event(key))}\n\n".encode()
            yield f": beat\nid: {at}\n\n".encode()

    def answer(self, asked: Asked) -> tuple[int, dict[str, str], bytes]:
        if not self.running:
            raise ConnectionError
        if self.answers:
            return self.answers.pop(0)
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return problem(401, "unauthenticated", "Who asks could not be established.")
        whole = self._whole.get(asked.path)
        if whole is not None:
            return whole(asked)
        key = asked.path.removeprefix("/settings/").partition("/")[0]
        if key not in self.values:
            return problem(404, "missing", "No such thing in this tenant.")
        if asked.path.endswith("/reveal"):
            return ok({"key": key, "value": "correct horse"})
        at = datetime.fromisoformat(asked.query["as_of"]).timestamp() if "as_of" in asked.query else time.time()
        return ok(self._effective(key, at))

    def _document(self, asked: Asked) -> tuple[int, dict[str, str], bytes]:
        held = asked.headers.get("if-none-match")
        with self.news:
            self.news.wait_for(lambda: not self.running or held != f'"{self.revision}"', float(asked.query["wait"]))
            if not self.running:
                raise ConnectionError
            tag = {"ETag": f'"{self.revision}"'}
            if held == tag["ETag"]:
                return 304, tag, b""
            about = {"flagSetId": "acme/production", "version": self.revision, "bucketing": "v3"}
            document = {"flags": self.flags, "metadata": about, "$evaluators": self.shared}
            return 200, tag, json.dumps(document).encode()

    def _page(self, asked: Asked) -> tuple[int, dict[str, str], bytes]:
        after = asked.query.get("cursor", "")
        keys = [key for key in sorted(self.values) if key > after]
        page = keys[: self.page]
        cursor = page[-1] if len(keys) > self.page else None
        return ok({"items": [self._effective(key, time.time()) for key in page], "next_cursor": cursor})

    def _effective(self, key: str, at: float) -> Any:
        held = self.values[key]
        value, due = held.at(at)
        shown = {"$secret": hashlib.sha256(str(value).encode()).hexdigest()[:16]} if held.type == "secret" else value
        return {
            "key": key, "type": held.type, "value": shown, "found": True,
            "seconds": 60.0 if held.type == "duration" else None, "winner": "", "epoch": self.epoch,
            "next_change": None if due is None else datetime.fromtimestamp(due, UTC).isoformat(),
        }  # fmt: skip

    def _watch(self, asked: Asked) -> tuple[int, dict[str, str], bytes]:
        if "cursor" not in asked.query:
            return ok({"cursor": str(len(self.events)), "resync": False, "events": []})
        at = int(asked.query["cursor"])
        with self.news:
            ready = self.news.wait_for(
                lambda: len(self.events) > at or not self.running or self.resync_next, float(asked.query["wait"])
            )
            if not self.running:
                raise ConnectionError
            resync, self.resync_next = self.resync_next and ready, False
            events = [] if resync else [self.event(key) for key in self.events[at:]]
            return ok({"cursor": str(len(self.events)), "resync": resync, "events": events})


def ok(content: Any) -> tuple[int, dict[str, str], bytes]:
    return 200, {}, json.dumps(content).encode()


def problem(status: int, kind: str, title: str, **facts: Any) -> tuple[int, dict[str, str], bytes]:
    told = {**facts, "type": f"/problems/{kind}", "title": title, "status": status}
    return status, {"Content-Type": "application/problem+json"}, json.dumps(told).encode()


def eventually(holds: Callable[[], Any], patience: float = 15.0) -> Any:
    """What `holds` gives, as soon as it counts as true."""
    end = time.monotonic() + patience
    while not (found := holds()):
        assert time.monotonic() < end, "it never became true"
        time.sleep(0.01)
    return found


async def becomes(holds: Callable[[], Any], patience: float = 15.0) -> Any:
    end = time.monotonic() + patience
    while not (found := holds()):
        assert time.monotonic() < end, "it never became true"
        await asyncio.sleep(0.01)
    return found
