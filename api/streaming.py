"""An answer that lasts ends when its client goes, when the server leaves, when it is old, or when nobody reads it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import structlog
from fastapi import Request
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from api.corked import LEAVING
from domain.errors import Refusal

LIFE_SECONDS = 600.0
SLOW_SECONDS = 15.0

log = structlog.get_logger()

T = TypeVar("T")


def leaving(request: Request) -> asyncio.Event:
    """Set when the server stops."""
    left = asyncio.Event()
    setattr(request.state, LEAVING, left.set)
    return left


async def unless_left(request: Request, answer: Coroutine[Any, Any, T], otherwise: T) -> T:
    """The answer, or `otherwise` as soon as nobody waits for it or the server stops."""
    asked = asyncio.ensure_future(answer)
    ends = [asyncio.ensure_future(leaving(request).wait()), asyncio.ensure_future(_gone(request.receive))]
    try:
        await asyncio.wait({asked, *ends}, return_when=asyncio.FIRST_COMPLETED)
        return asked.result() if asked.done() else otherwise
    finally:
        await _ended(asked, *ends)


class EventStream(Response):
    """Server-sent events (HTML, section 9.2), from a generator of whole blocks; nothing is read ahead of the client."""

    media_type = "text/event-stream"

    def __init__(
        self,
        blocks: AsyncGenerator[bytes, None],
        left: asyncio.Event,
        close: Callable[[], Awaitable[None]],
        *,
        life: float = LIFE_SECONDS,
        patience: float = SLOW_SECONDS,
    ) -> None:
        """`close` is called in the end, however it comes."""
        self.status_code = 200
        self.background = None
        self._blocks, self._left, self._close = blocks, left, close
        self._life, self._patience = life, patience
        self.init_headers({"Cache-Control": "no-store", "X-Accel-Buffering": "no"})

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        ends = [asyncio.ensure_future(self._left.wait()), asyncio.ensure_future(_gone(receive))]
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            until = asyncio.get_running_loop().time() + self._life
            while (block := await self._next(ends, until)) is not None:
                await self._sent(send, block, more=True)
            await self._sent(send, b"", more=False)
        except TimeoutError:
            log.warning("stream.cut", reason="its client does not read")
        finally:
            await _ended(*ends)
            await self._blocks.aclose()
            await self._close()

    async def _next(self, ends: Sequence[asyncio.Future[Any]], until: float) -> bytes | None:
        left = until - asyncio.get_running_loop().time()
        if left <= 0:
            return None
        turn = asyncio.ensure_future(anext(self._blocks))
        await asyncio.wait({turn, *ends}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        if not turn.done() or any(each.done() for each in ends):
            await _ended(turn)
            return None
        try:
            return turn.result()
        except StopAsyncIteration:  # there is no more to tell
            return None
        except Refusal as refusal:  # the head is out: the client comes again, and is told why then
            log.warning("stream.ended", refusal=refusal.kind)
            return None

    async def _sent(self, send: Send, block: bytes, *, more: bool) -> None:
        async with asyncio.timeout(self._patience):
            await send({"type": "http.response.body", "body": block, "more_body": more})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _ended(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError, Exception):
            await task
