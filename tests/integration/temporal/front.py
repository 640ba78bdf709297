"""A front speaks TLS to whoever calls, and hands on what it deciphered to a server that speaks none."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.authority import Identity


class Front:
    """`heard` is what callers said once their handshake was done: nothing, when it never was."""

    def __init__(self, behind: str, port: int) -> None:
        self._host, _, self._port = behind.rpartition(":")
        self.port = port
        self.heard = bytearray()
        self.lines: set[asyncio.Task[None]] = set()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = asyncio.current_task()
        assert line is not None
        self.lines.add(line)
        inward, outward = await asyncio.open_connection(self._host, int(self._port))
        await asyncio.gather(_carried(reader, outward, self.heard), _carried(inward, writer, bytearray()))


async def _carried(source: asyncio.StreamReader, target: asyncio.StreamWriter, copy: bytearray) -> None:
    """Whichever side goes first takes the other with it."""
    try:
        with suppress(OSError):
            while said := await source.read(65536):
                copy += said
                target.write(said)
                await target.drain()
    finally:
        target.close()


@asynccontextmanager
async def front(behind: str, identity: Identity, clients_of: Path | None = None) -> AsyncIterator[Front]:
    """With `clients_of`, only callers whom that authority signed are let in."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate, identity.key)
    context.set_alpn_protocols(["h2"])
    if clients_of is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients_of)
    with socket.create_server(("127.0.0.1", 0)) as free:
        opened = Front(behind, free.getsockname()[1])
    server = await asyncio.start_server(opened.answer, "localhost", opened.port, ssl=context)  # in every family it has
    try:
        yield opened
    finally:
        server.close()
        for line in opened.lines:
            line.cancel()
        await asyncio.gather(*opened.lines, return_exceptions=True)
