"""What is written out whole goes to a file first: a slow reader holds no transaction, and a failure can be told."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import BinaryIO, TypeVar, cast

IN_MEMORY = 1024 * 1024
_CHUNK = 64 * 1024

T = TypeVar("T")


async def spooled(write: Callable[[BinaryIO], Awaitable[T]]) -> tuple[T, AsyncIterator[bytes]]:
    """What `write` returns, and the bytes that it wrote; what is small stays in memory."""
    file = cast("BinaryIO", tempfile.SpooledTemporaryFile(max_size=IN_MEMORY))  # noqa: SIM115  # closed when it is read
    try:
        told = await write(file)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return told, _read(file)


async def _read(file: BinaryIO) -> AsyncIterator[bytes]:
    with file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk
