"""A service on loopback that speaks real HTTP; what it answers is arranged by the test."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    fields: dict[str, str]
    """Those of the address, and those of a form."""
    headers: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """`document` becomes JSON, unless it is bytes already."""

    document: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    at: datetime | None = None
    """What its Date header says."""

    def wire(self) -> bytes:
        body = self.document if isinstance(self.document, bytes) else json.dumps(self.document).encode()
        dated = {"Date": format_datetime(self.at, usegmt=True)} if self.at else {}
        lines = {"Content-Length": str(len(body)), "Connection": "close", **dated, **self.headers}
        head = [f"HTTP/1.1 {self.status} X", *(f"{name}: {value}" for name, value in lines.items()), "", ""]
        return "\r\n".join(head).encode() + body


@asynccontextmanager
async def listening(answer: Callable[[Asked], Answer]) -> AsyncIterator[tuple[str, list[Asked]]]:
    """Its address, and whatever it was asked."""
    seen: list[Asked] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"content-length: (\d+)", head.lower())
        body = (await reader.readexactly(int(length[1]) if length else 0)).decode()
        first, *lines = head.strip().split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        address = urlsplit(target)
        asked = Asked(method, address.path, dict(parse_qsl(address.query) + parse_qsl(body)), headers)
        seen.append(asked)
        writer.write(answer(asked).wire())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen


async def at_once(_seconds: float) -> None:
    await asyncio.sleep(0)
