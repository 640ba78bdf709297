"""A committed change reaches every process, and a process that stopped hearing knows it within a second."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import structlog

from adapters.postgres.address import Address
from domain.environments import Environment

FLAGS, SETTINGS, EVENTS = "changegate_flags", "changegate_settings", "changegate_events"
TENANTS = "changegate_tenants"
HEARTBEAT, PATIENCE = 0.3, 0.6
"""Seconds: the other side is asked so long after it answered, and given so long to answer; together less than one."""
_CONNECTING = 5.0
_AGAIN = 0.1

log = structlog.get_logger()

Word = tuple[UUID, Environment] | None
"""What changed; None says that the line was down and anything may have changed."""


class Listener:
    """One connection on LISTEN, held while anybody hears one of its topics; `line` counts the connections.

    `alive` says that what was committed up to `heartbeat + patience` seconds ago has been heard. Nothing needs to
    happen for it to end: a line that is silent, or a process that was too busy to ask, cannot keep it up.
    """

    def __init__(self, url: str, heartbeat: float = HEARTBEAT, patience: float = PATIENCE) -> None:
        self._arguments = Address.of(url).arguments()
        self._heartbeat, self._patience = heartbeat, patience
        self._ears: dict[asyncio.Queue[Word], str] = {}
        self._holding: asyncio.Task[None] | None = None
        self._sure_until = 0.0
        self.line = 0

    @property
    def alive(self) -> bool:
        return time.monotonic() < self._sure_until

    @property
    def flags(self) -> "Topic":
        return Topic(self, FLAGS)

    @property
    def settings(self) -> "Topic":
        return Topic(self, SETTINGS)

    @property
    def events(self) -> "Topic":
        return Topic(self, EVENTS)

    @property
    def tenants(self) -> "Topic":
        return Topic(self, TENANTS)

    async def listen(self, channel: str) -> AsyncIterator[Word]:
        """Yields None first, and once after every reconnection: what was missed in between must be read anew."""
        ear: asyncio.Queue[Word] = asyncio.Queue()
        self._ears[ear] = channel
        if self.line:
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
        delay = _AGAIN
        while True:
            stood = self.line
            try:
                await self._one_line()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("listener.lost", error=type(error).__name__, retry_seconds=delay)
            self._sure_until = 0.0
            if self.line > stood:
                delay = _AGAIN
            await asyncio.sleep(delay)
            delay = min(delay * 2, 2.0)

    async def _one_line(self) -> None:
        connection = await asyncpg.connect(**self._arguments, timeout=_CONNECTING)
        try:
            connection.add_termination_listener(self._cut)
            for channel in (FLAGS, SETTINGS, EVENTS, TENANTS):
                await connection.add_listener(channel, self._heard)
            await self._ask(connection)
            self.line += 1
            for ear in self._ears:
                ear.put_nowait(None)
            while True:
                await asyncio.sleep(self._heartbeat)
                await self._ask(connection)
        finally:
            self._sure_until = 0.0
            connection.remove_termination_listener(self._cut)
            connection.terminate()

    async def _ask(self, connection: asyncpg.Connection) -> None:
        """News that was committed before the question comes before the answer."""
        asked = time.monotonic()
        await connection.execute("SELECT 1", timeout=self._patience)
        if not connection.is_closed():
            self._sure_until = asked + self._heartbeat + self._patience

    def _cut(self, _connection: object) -> None:
        """Known at once when the other side says so; silence is found out by not being answered."""
        self._sure_until = 0.0

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
