"""A server is ready when it answers as its callers will ask, not when its port is open."""

import asyncio
from contextlib import suppress

from adapters.embedded.ports import LOOPBACK

PATIENCE_SECONDS = 2.0


async def http_answers(port: int, path: str) -> bool:
    """Whether GET `path` on the loopback `port` gives 200."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}:{port}\r\nConnection: close\r\n\r\n".encode())
                return b" 200 " in await reader.readline()
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError, ValueError):
        return False
