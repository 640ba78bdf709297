"""A front listens before a server, proves who it is, and carries on what either side says until one of them goes."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.authority import Identity

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def proving(identity: Identity, clients_of: Path | None = None) -> ssl.SSLContext:
    """With `clients_of`, only callers whom that authority signed are let in."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate, identity.key)
    if clients_of is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients_of)
    return context


async def carried(source: asyncio.StreamReader, target: asyncio.StreamWriter, copy: bytearray) -> None:
    """Whichever side goes first takes the other with it."""
    try:
        with suppress(OSError):
            while said := await source.read(65536):
                copy += said
                target.write(said)
                await target.drain()
    finally:
        target.close()


class Wire:
    """Carries both ways until it is told to be silent; then it keeps what it is given and stays open."""

    def __init__(self, host: str, port: int) -> None:
        self._to = host, port
        self.open = asyncio.Event()
        self.open.set()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection(*self._to)
        try:
            await asyncio.gather(self._carry(reader, forth), self._carry(back, writer))
        finally:
            forth.close()
            writer.close()

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while said := await source.read(65536):
                await self.open.wait()
                target.write(said)
                await target.drain()
        target.close()


@asynccontextmanager
async def listening(
    answer: Answer, host: str, port: int = 0, context: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """The port where it listens; a line that still stands in the end is cancelled."""
    lines: set[asyncio.Task[None]] = set()

    async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = asyncio.current_task()
        assert line is not None
        lines.add(line)
        await answer(reader, writer)

    server = await asyncio.start_server(taken, host, port, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for line in lines:
            line.cancel()
        await asyncio.gather(*lines, return_exceptions=True)
