"""A webhook's receiver on loopback: it keeps what it was sent, and answers as the test says."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks import Webhook

from tests.fronts import listening


@dataclass
class Receiver:
    """`status` is what it answers; while `held` is not set, it answers nobody. `accepted` are ids that it took well."""

    port: int = 0
    status: int = 200
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    held: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.taken]

    def events(self, secret: str) -> list[dict[str, Any]]:
        """What came, once its signatures are checked by somebody else's code."""
        for headers, body in self.taken:
            Webhook(secret).verify(body, headers)
        return [json.loads(body) for _, body in self.taken]

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.taken.append((headers, body))
        await self.held.wait()
        if self.status < 300:
            self.accepted.append(headers.get("webhook-id", ""))
        writer.write(f"HTTP/1.1 {self.status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    receiver.held.set()
    async with listening(receiver.answer, "127.0.0.1") as port:
        receiver.port = port
        yield receiver
