"""What a process does again and again: an outage delays it, and what fails for one holds up no other."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar
from uuid import UUID

import structlog

from application.faring import Sent
from domain.errors import Refusal, Unavailable

log = structlog.get_logger()

Result = TypeVar("Result")


async def again_and_again(loop: str, look: Callable[[], Awaitable[object]], pause: float) -> None:
    """Until cancelled, with `pause` seconds between two rounds; an outage only delays the next one."""
    while True:
        try:
            await look()
        except Unavailable as refusal:
            log.warning("round.delayed", loop=loop, refusal=refusal.kind)
        await asyncio.sleep(pause)


async def attended(work: Awaitable[Result], **told: str) -> Result | None:
    """Do it, or say what came in between: a defect in one row must not stop the process that all others wait for."""
    try:
        return await work
    except Refusal as refusal:
        log.warning("row.delayed", refusal=refusal.kind, **told)
    except Exception:
        log.exception("row.failed", **told)
    return None


Work = Callable[[], Coroutine[Any, Any, Sent | None]]


class Lanes:
    """Calls that are begun and not waited for: one lane that hangs holds up what is on it and nothing else.

    `sent` counts how they fared.
    """

    def __init__(self, most: int, most_each: int) -> None:
        """So many at a time, altogether and on one lane."""
        self.sent: Counter[Sent] = Counter()
        self._most = most
        self._most_each = most_each
        self._calls: dict[UUID, asyncio.Task[None]] = {}
        self._busy: Counter[object] = Counter()

    def begin(self, call: UUID, lane: object, work: Work, **told: str) -> None:
        """Unless it has begun already, or there is no room for it now."""
        if call in self._calls or len(self._calls) >= self._most or self._busy[lane] >= self._most_each:
            return
        self._busy[lane] += 1
        self._calls[call] = asyncio.create_task(self._carried_out(call, lane, work, told))

    async def settled(self) -> None:
        """Once everything that was begun has ended."""
        await asyncio.gather(*self._calls.values())

    async def stop(self) -> None:
        for call in self._calls.values():
            call.cancel()
        await asyncio.gather(*self._calls.values(), return_exceptions=True)

    async def _carried_out(self, call: UUID, lane: object, work: Work, told: dict[str, str]) -> None:
        try:
            sent = await attended(work(), **told)
            if sent is not None:
                self.sent[sent] += 1
        finally:
            del self._calls[call]
            self._busy[lane] -= 1
            if not self._busy[lane]:
                del self._busy[lane]
