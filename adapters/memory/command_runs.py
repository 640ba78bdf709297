"""Executions of long commands are carried out in this process as soon as they are asked for."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

from domain.commands import CommandRecord, Key
from domain.errors import Unavailable

Execute = Callable[[UUID, UUID], Awaitable[object]]
"""Of a tenant, the command of one lease."""


class MemoryCommandRuns:
    """Answers `application.ports.command_runs.CommandRuns`; while `down` it raises as an unreachable Temporal does."""

    def __init__(self, execute: Execute) -> None:
        self.down = False
        self.started: list[UUID] = []
        self._execute = execute
        self._running: dict[tuple[Key, int], asyncio.Task[object]] = {}

    async def start(self, record: CommandRecord) -> None:
        if self.down:
            raise Unavailable(part="temporal")
        if record.lease is None or record.lease in self.started:
            return
        self.started.append(record.lease)
        carried = asyncio.ensure_future(self._execute(record.tenant, record.lease))
        self._running[record.key, record.epoch] = carried

    async def over(self, record: CommandRecord) -> None:
        if (running := self._running.get((record.key, record.epoch))) is not None:
            await asyncio.wait([running])

    async def alive(self, record: CommandRecord) -> bool:
        running = self._running.get((record.key, record.epoch))
        return running is not None and not running.done()

    async def stop(self) -> None:
        """Whatever runs is lost."""
        for running in self._running.values():
            running.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)
