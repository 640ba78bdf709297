"""A front speaks TLS to whoever calls, and hands on what it deciphered to a server that speaks none."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.authority import Identity
from tests.fronts import carried, listening, proving


class Front:
    """`heard` is what callers said once their handshake was done: nothing, when it never was."""

    def __init__(self, behind: str, port: int) -> None:
        self._host, _, self._port = behind.rpartition(":")
        self.port = port
        self.heard = bytearray()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inward, outward = await asyncio.open_connection(self._host, int(self._port))
        await asyncio.gather(carried(reader, outward, self.heard), carried(inward, writer, bytearray()))


@asynccontextmanager
async def front(behind: str, identity: Identity, clients_of: Path | None = None) -> AsyncIterator[Front]:
    """With `clients_of`, only callers whom that authority signed are let in."""
    context = proving(identity, clients_of)
    context.set_alpn_protocols(["h2"])
    with socket.create_server(("127.0.0.1", 0)) as free:
        opened = Front(behind, free.getsockname()[1])
    async with listening(opened.answer, "localhost", opened.port, context):  # in every family it has
        yield opened
