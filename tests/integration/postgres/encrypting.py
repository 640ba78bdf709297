"""A front answers PostgreSQL's request for TLS, and hands on what it deciphered to a server that was built without."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.authority import Identity

SSL_REQUEST = bytes.fromhex("0000000804d2162f")
"""PostgreSQL 18, section 54.7: what a client says first when it wants TLS."""


class Front:
    """`encrypted` and `plain` are what callers said so: nothing, when a handshake was never done."""

    def __init__(self, behind: str, context: ssl.SSLContext | None) -> None:
        self._host, _, self._port = behind.rpartition(":")
        self._context = context
        self.port = 0
        self.encrypted = bytearray()
        self.plain = bytearray()
        self.lines: set[asyncio.Task[None]] = set()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = asyncio.current_task()
        assert line is not None
        self.lines.add(line)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._answer(reader, writer)
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said, first = self.plain, await reader.readexactly(len(SSL_REQUEST))
        if first == SSL_REQUEST:
            writer.write(b"N" if self._context is None else b"S")
            if self._context is not None:
                await writer.start_tls(self._context)
                said = self.encrypted
            first = await reader.readexactly(1)
        said += first
        inward, outward = await asyncio.open_connection(self._host, int(self._port))
        try:
            outward.write(first)
            await asyncio.gather(_carried(reader, outward, said), _carried(inward, writer, bytearray()))
        finally:
            outward.close()


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
async def front(behind: str, identity: Identity | None, clients_of: Path | None = None) -> AsyncIterator[Front]:
    """Without an identity it declines TLS; with `clients_of`, only callers whom that authority signed are let in."""
    context = None
    if identity is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity.certificate, identity.key)
        if clients_of is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(clients_of)
    opened = Front(behind, context)
    server = await asyncio.start_server(opened.answer, "127.0.0.1", 0)
    opened.port = server.sockets[0].getsockname()[1]
    try:
        yield opened
    finally:
        server.close()
        for line in opened.lines:
            line.cancel()
        await asyncio.gather(*opened.lines, return_exceptions=True)
