"""Executions are carried out in this process as soon as they are asked for, or never while nobody serves."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

from domain.errors import Unavailable

Execute = Callable[[UUID, UUID], Awaitable[object]]
"""Of a tenant, the commands of one lease."""


class MemoryChunks:
    """Answers `application.ports.chunks.Chunks`; while `down` it raises what an unreachable Temporal raises."""

    def __init__(self, execute: Execute | None = None) -> None:
        self.down = False
        self.started: list[tuple[UUID, str, UUID]] = []
        self._execute = execute
        self._running: dict[UUID, asyncio.Task[object]] = {}

    async def start(self, tenant: UUID, domain: str, lease: UUID) -> None:
        await self.ping()
        if lease in [each for _, _, each in self.started]:
            return
        self.started.append((tenant, domain, lease))
        self._running[lease] = asyncio.create_task(self._carried_out(tenant, lease))

    async def over(self, lease: UUID) -> None:
        if lease in self._running:
            await asyncio.wait([self._running[lease]])

    async def alive(self, lease: UUID) -> bool:
        await self.ping()
        return lease in self._running and not self._running[lease].done()

    async def ping(self) -> None:
        if self.down:
            raise Unavailable(part="temporal")

    async def stop(self) -> None:
        """Whatever runs is lost."""
        for running in self._running.values():
            running.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _carried_out(self, tenant: UUID, lease: UUID) -> object:
        if self._execute is None:
            await asyncio.Event().wait()
        else:
            await self._execute(tenant, lease)
        return None
