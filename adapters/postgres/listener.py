"""A committed change reaches every process, and a process that stopped hearing knows it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import structlog

from adapters.postgres.address import Address
from domain.environments import Environment

FLAGS, SETTINGS = "changegate_flags", "changegate_settings"
_HEARTBEAT = 2.0
_PATIENCE = 5.0

log = structlog.get_logger()

Word = tuple[UUID, Environment] | None
"""What changed; None says that the line was down and anything may have changed."""


class Listener:
    """One connection on LISTEN, held while anybody hears one of its topics.

    `alive` is false from the moment the line is known to be down until it stands again; `line` counts the connections.
    """

    def __init__(self, url: str) -> None:
        self._arguments = Address.of(url).arguments()
        self._ears: dict[asyncio.Queue[Word], str] = {}
        self._holding: asyncio.Task[None] | None = None
        self.alive = False
        self.line = 0

    @property
    def flags(self) -> "Topic":
        return Topic(self, FLAGS)

    @property
    def settings(self) -> "Topic":
        return Topic(self, SETTINGS)

    async def listen(self, channel: str) -> AsyncIterator[Word]:
        """Yields None first, and once after every reconnection: what was missed in between must be read anew."""
        ear: asyncio.Queue[Word] = asyncio.Queue()
        self._ears[ear] = channel
        if self.alive:
            ear.put_nowait(None)
        if self._holding is None:
            self._holding = asyncio.create_task(self._hold_line())
        try:
            while True:
                yield await ear.get()
        finally:
            del self._ears[ear]
            if not self._ears:
                await self._let_go()

    async def _let_go(self) -> None:
        holding, self._holding = self._holding, None
        if holding is not None:
            holding.cancel()
            with suppress(asyncio.CancelledError):
                await holding

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
            connection.add_termination_listener(self._cut)
            for channel in (FLAGS, SETTINGS):
                await connection.add_listener(channel, self._heard)
            self.line += 1
            self.alive = True
            for ear in self._ears:
                ear.put_nowait(None)
            while True:
                await asyncio.sleep(_HEARTBEAT)
                await connection.execute("SELECT 1", timeout=_PATIENCE)
        finally:
            self.alive = False
            connection.remove_termination_listener(self._cut)
            connection.terminate()

    def _cut(self, _connection: object) -> None:
        """Known at once when the other side says so; silence is found out by the heartbeat."""
        self.alive = False

    def _heard(self, _connection: object, _pid: int, channel: str, payload: object) -> None:
        tenant, environment, _version = str(payload).split(" ")
        for ear, wanted in self._ears.items():
            if wanted == channel:
                ear.put_nowait((UUID(tenant), Environment(environment)))


@dataclass(frozen=True)
class Topic:
    """What the listener hears on one channel."""

    listener: Listener
    channel: str

    @property
    def alive(self) -> bool:
        return self.listener.alive

    @property
    def line(self) -> int:
        return self.listener.line

    def listen(self) -> AsyncIterator[Word]:
        return self.listener.listen(self.channel)
