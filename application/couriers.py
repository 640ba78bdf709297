"""What waits to leave leaves soon, and a receiver that hangs holds up what is for itself and nothing else."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from uuid import UUID

import structlog

from application.ports.outward import Errand, ErrandKind, Errands
from domain.errors import Refusal, Unavailable

log = structlog.get_logger()

MOST_CALLS: Final = 48
MOST_EACH: Final = 4
"""Errands at a time, altogether and on one lane."""

Attend = Callable[[UUID, UUID], Awaitable[None]]
"""Of a tenant, one notice or one ticket."""


class Courier:
    def __init__(self, errands: Errands, attend: Mapping[ErrandKind, Attend], *, pause: float = 0.5) -> None:
        self._errands = errands
        self._attend = dict(attend)
        self._pause = pause
        self._calls: dict[UUID, asyncio.Task[None]] = {}
        self._busy: Counter[str] = Counter()

    async def run(self) -> None:
        """Until cancelled; an outage of the database only delays it."""
        try:
            while True:
                try:
                    await self.round()
                except Unavailable as refusal:
                    log.warning("courier.delayed", kind=refusal.kind)
                await asyncio.sleep(self._pause)
        finally:
            for call in self._calls.values():
                call.cancel()
            await asyncio.gather(*self._calls.values(), return_exceptions=True)

    async def round(self) -> None:
        """Errands are begun and not waited for."""
        for errand in await self._errands.errands():
            self._begin(errand)

    async def settled(self) -> None:
        """Once everything that was begun has ended."""
        await asyncio.gather(*self._calls.values())

    def _begin(self, errand: Errand) -> None:
        full = len(self._calls) >= MOST_CALLS or self._busy[errand.lane] >= MOST_EACH
        if full or errand.id in self._calls or errand.kind not in self._attend:
            return
        self._busy[errand.lane] += 1
        self._calls[errand.id] = asyncio.create_task(self._call(errand))

    async def _call(self, errand: Errand) -> None:
        told = {"what": errand.kind.value, "id": str(errand.id)}
        try:
            await self._attend[errand.kind](errand.tenant, errand.id)
        except Refusal as refusal:
            log.warning("errand.delayed", refusal=refusal.kind, **told)
        except Exception:  # a defect in one errand must not stop the worker that all others wait for
            log.exception("errand.failed", **told)
        finally:
            del self._calls[errand.id]
            self._busy[errand.lane] -= 1
            if not self._busy[errand.lane]:
                del self._busy[errand.lane]
