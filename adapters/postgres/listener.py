"""A committed flag change reaches every process, and a process that stopped hearing knows it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from uuid import UUID

import asyncpg
import structlog

from adapters.postgres.address import Address
from domain.environments import Environment

CHANNEL = "changegate_flags"
_HEARTBEAT = 2.0
_PATIENCE = 5.0

log = structlog.get_logger()

News = tuple[UUID, Environment] | None
"""What changed; None says that the line was down and anything may have changed."""


class FlagListener:
    """One connection on LISTEN. `alive` is false from the moment a heartbeat fails until the line stands again."""

    def __init__(self, url: str) -> None:
        self._arguments = Address.of(url).arguments()
        self._news: asyncio.Queue[News] = asyncio.Queue()
        self.alive = False
        self.epoch = 0

    async def listen(self) -> AsyncIterator[News]:
        """Yields None once after every (re)connection: what was missed in between must be read anew."""
        line = asyncio.create_task(self._hold_line())
        try:
            while True:
                yield await self._news.get()
        finally:
            line.cancel()
            with suppress(asyncio.CancelledError):
                await line

    async def _hold_line(self) -> None:
        delay = 0.1
        while True:
            try:
                await self._one_line()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("listener.lost", error=type(error).__name__, retry_seconds=delay)
            self.alive = False
            await asyncio.sleep(delay)
            delay = min(delay * 2, 2.0)

    async def _one_line(self) -> None:
        connection = await asyncpg.connect(**self._arguments, timeout=_PATIENCE)
        try:
            await connection.add_listener(CHANNEL, self._heard)
            self.epoch += 1
            self.alive = True
            self._news.put_nowait(None)
            while True:
                await asyncio.sleep(_HEARTBEAT)
                await connection.execute("SELECT 1", timeout=_PATIENCE)
        finally:
            self.alive = False
            connection.terminate()

    def _heard(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        tenant, environment, _revision = str(payload).split(" ")
        self._news.put_nowait((UUID(tenant), Environment(environment)))
