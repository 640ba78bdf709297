"""A front answers PostgreSQL's request for TLS, and hands on what it deciphered to a server that was built without."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.authority import Identity
from tests.fronts import carried, listening, proving

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

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
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
            await asyncio.gather(carried(reader, outward, said), carried(inward, writer, bytearray()))
        finally:
            outward.close()


@asynccontextmanager
async def front(behind: str, identity: Identity | None, clients_of: Path | None = None) -> AsyncIterator[Front]:
    """Without an identity it declines TLS; with `clients_of`, only callers whom that authority signed are let in."""
    opened = Front(behind, None if identity is None else proving(identity, clients_of))
    async with listening(opened.answer, "127.0.0.1") as opened.port:
        yield opened
