"""What stands outside, on loopback: a mail server, receivers of messages, and systems that people approve in."""

import asyncio
import email.policy
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from typing import Any, ClassVar

from aiosmtpd.smtp import SMTP

Taken = tuple[str, str, dict[str, str], bytes]
"""Method, path with its query, headers in lower case, body."""


class Post:
    """A real mail server that dies and comes back at the same port."""

    def __init__(self) -> None:
        self.port = 0
        self.mails: list[EmailMessage] = []
        self._server: asyncio.Server | None = None

    async def up(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: SMTP(self, hostname="mx.test"), "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 -- aiosmtpd's name
        self.mails.append(message_from_bytes(envelope.content, EmailMessage, policy=email.policy.default))
        return "250 OK"

    def to(self, address: str) -> list[EmailMessage]:
        return [mail for mail in self.mails if mail["To"].addresses[0].addr_spec == address]


class Front:
    """An HTTP server that dies and comes back at the same port; `answers` says what it says."""

    def __init__(self, answers: Callable[[Taken], Awaitable[tuple[int, Any]]]) -> None:
        self.port = 0
        self.taken: list[Taken] = []
        self._answers = answers
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def up(self) -> None:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        taken = (method, path, headers, body)
        self.taken.append(taken)
        status, said = await self._answers(taken)
        content = b"" if said is None else json.dumps(said).encode()
        writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: {len(content)}\r\nconnection: close\r\n\r\n".encode())
        writer.write(content)
        await writer.drain()
        writer.close()


async def fine(_taken: Taken) -> tuple[int, Any]:
    return 200, {}


@dataclass
class Desk:
    """Tickets by what they are called; `lost` answers are made and never arrive."""

    tickets: dict[str, dict[str, Any]] = field(default_factory=dict)
    lost: int = 0


class ServiceNow(Desk):
    """Its table API for change requests: made by POST, found by what they correlate to, known by their id."""

    async def answer(self, taken: Taken) -> tuple[int, Any]:
        method, path, headers, body = taken
        if headers.get("authorization") != "Basic c25vdzpwYXNz":
            return 401, {"error": {"message": "User Not Authenticated"}}
        if method == "POST" and path == "/api/now/table/change_request":
            key = f"{len(self.tickets):032x}"
            self.tickets[key] = {**json.loads(body), "sys_id": key, "approval": "requested"}
            if self.lost:
                self.lost -= 1
                return 502, {}
            return 201, {"result": self.tickets[key]}
        if found := re.fullmatch(r"/api/now/table/change_request\?sysparm_query=correlation_id=(.+)", path):
            return 200, {"result": [each for each in self.tickets.values() if each["correlation_id"] == found[1]]}
        key = path.rpartition("/")[2]
        if key not in self.tickets:
            return 404, {}
        if method == "PATCH":
            self.tickets[key] |= json.loads(body)
        return 200, {"result": self.tickets[key]}

    MAPPING: ClassVar[Any] = {
        "create": {
            "path": "/api/now/table/change_request",
            "body": {
                "short_description": "Approve $title in $environment",
                "description": "$summary\n\nAsked by $requester: $reason\nAnswer to $callback",
                "correlation_id": "$ticket",
                "u_digest": "$digest",
            },
            "key": "/result/sys_id",
        },
        "find": {
            "path": "/api/now/table/change_request?sysparm_query=correlation_id=$ticket",
            "key": "/result/0/sys_id",
        },
        "callback": {"ticket": "/correlation_id", "digest": "/u_digest", "state": "/approval", "reason": "/comments"},
        "close": {
            "method": "PATCH",
            "path": "/api/now/table/change_request/$key",
            "body": {
                "state": "4",
                "close_code": "unsuccessful",
                "close_notes": "The request in Changegate is $outcome: $link",
            },
        },
        "approved": ["approved"],
        "rejected": ["rejected"],
    }


class Jira(Desk):
    """Its issues: made by POST, read by their key, and what they say is where their workflow has come."""

    async def answer(self, taken: Taken) -> tuple[int, Any]:
        method, path, _, body = taken
        if method == "POST" and path == "/rest/api/3/issue":
            key = f"OPS-{len(self.tickets) + 1}"
            self.tickets[key] = {"key": key, "fields": {**json.loads(body)["fields"], "status": {"name": "To Do"}}}
            return 201, {"id": "10001", "key": key}
        if moved := re.fullmatch(r"/rest/api/3/issue/(.+)/transitions", path):
            self.tickets[moved[1]]["fields"]["status"]["name"] = f"Moved by {json.loads(body)['transition']['id']}"
            return 204, None
        key = path.partition("?")[0].rpartition("/")[2]
        return (200, self.tickets[key]) if key in self.tickets else (404, {})

    MAPPING: ClassVar[Any] = {
        "create": {
            "path": "/rest/api/3/issue",
            "body": {
                "fields": {
                    "project": {"key": "OPS"},
                    "issuetype": {"name": "Change"},
                    "summary": "Approve $title in $environment",
                    "description": "$summary",
                    "labels": ["changegate-$ticket"],
                }
            },
            "key": "/key",
        },
        "poll": {"path": "/rest/api/3/issue/$key?fields=status", "state": "/fields/status/name", "every_seconds": 10},
        "close": {"path": "/rest/api/3/issue/$key/transitions", "body": {"transition": {"id": "61"}}},
        "approved": ["Approved", "Done"],
        "rejected": ["Declined"],
    }


@asynccontextmanager
async def standing(desk: Any) -> AsyncIterator[Front]:
    front = Front(desk.answer)
    await front.up()
    try:
        yield front
    finally:
        await front.down()
