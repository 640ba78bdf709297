"""The head and the body of an answer leave in one write: uvicorn hands them to the socket one after the other.

Two system calls for each small answer are a third of what it costs. `uvicorn --http api.corked:Protocol` serves so.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_MOST_HELD = 64 * 1024
LEAVING = "leaving"
"""Where a long answer leaves, in the state of its request, what it wants to be called when the server stops."""


class Corked:
    """A transport that writes what it was given in one turn of the event loop at its end, or when that is much."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(data)
        self._size += len(data)
        if self._size > _MOST_HELD:  # the transport's own flow control must see a long stream as it grows
            self._flush()

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        held, self._held, self._size = self._held, [], 0
        if held and not self._transport.is_closing():
            self._transport.write(b"".join(held))

    def __getattr__(self, name: str) -> Any:
        """Everything else is the transport's own."""
        return getattr(self._transport, name)


class Protocol(HttpToolsProtocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it, too
        super().connection_made(Corked(transport, self.loop))  # type: ignore[arg-type]  # a transport by what it does

    def shutdown(self) -> None:
        """Whoever would go on answering for long is told that the server leaves, and ends by itself."""
        cycle: Any = self.cycle  # none before the first request
        leaving = cycle.scope.get("state", {}).get(LEAVING) if cycle is not None else None
        if leaving is not None:
            leaving()
        super().shutdown()
