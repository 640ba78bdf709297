"""A committed change reaches every process, and a process that stopped hearing knows it within a second."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

import asyncpg
import structlog

from adapters.postgres.address import Address
from domain.environments import Environment

FLAGS, SETTINGS, EVENTS = "changegate_flags", "changegate_settings", "changegate_events"
TENANTS, PERIODS, COMMANDS = "changegate_tenants", "changegate_periods", "changegate_commands"
HEARTBEAT, PATIENCE = 0.3, 0.6
"""Seconds: the other side is asked so long after it answered, and given so long to answer; together less than one."""
_CONNECTING = 5.0
_AGAIN = 0.1

log = structlog.get_logger()

Told = TypeVar("Told")
Place = tuple[UUID, Environment]
"""What changed on most channels; of periods it is a tenant alone, and of commands nothing but that some were sent."""


class Listener:
    """One connection on LISTEN, held while anybody hears one of its topics; `line` counts the connections.

    `alive` says that what was committed up to `heartbeat + patience` seconds ago has been heard. Nothing needs to
    happen for it to end: a line that is silent, or a process that was too busy to ask, cannot keep it up.
    """

    def __init__(self, url: str, heartbeat: float = HEARTBEAT, patience: float = PATIENCE) -> None:
        self._arguments = Address.of(url).arguments()
        self._heartbeat, self._patience = heartbeat, patience
        self._ears: dict[asyncio.Queue[Any], str] = {}
        self._holding: asyncio.Task[None] | None = None
        self._sure_until = 0.0
        self._answered = -math.inf
        self.line = 0

    @property
    def alive(self) -> bool:
        return time.monotonic() < self._sure_until

    @property
    def silence(self) -> float:
        """Seconds since the last question that was answered; infinite before the first."""
        return time.monotonic() - self._answered

    @property
    def flags(self) -> "Topic[Place]":
        return Topic(self, FLAGS)

    @property
    def settings(self) -> "Topic[Place]":
        return Topic(self, SETTINGS)

    @property
    def events(self) -> "Topic[Place]":
        return Topic(self, EVENTS)

    @property
    def tenants(self) -> "Topic[Place]":
        return Topic(self, TENANTS)

    @property
    def periods(self) -> "Topic[UUID]":
        return Topic(self, PERIODS)

    @property
    def commands(self) -> "Topic[str]":
        return Topic(self, COMMANDS)

    async def listen(self, channel: str) -> AsyncIterator[Any]:
        """Yields None first, and once after every reconnection: what was missed in between must be read anew."""
        ear: asyncio.Queue[Any] = asyncio.Queue()
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
            except Exception as error:  # noqa: BLE001 -- whatever ended it: asyncpg raises errors of its own, too
                log.warning("listener.lost", error=type(error).__name__, retry_seconds=delay)
            self._sure_until = 0.0
            if self.line > stood:
                delay = _AGAIN
            await asyncio.sleep(delay)
            delay = min(delay * 2, 2.0)

    async def _one_line(self) -> None:
        connection = await asyncpg.connect(**self._arguments, timeout=_CONNECTING, command_timeout=_CONNECTING)
        try:
            connection.add_termination_listener(self._cut)
            for channel in (FLAGS, SETTINGS, EVENTS, TENANTS, PERIODS, COMMANDS):
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
            self._answered = asked
            self._sure_until = asked + self._heartbeat + self._patience

    def _cut(self, _connection: object) -> None:
        """Known at once when the other side says so; silence is found out by not being answered."""
        self._sure_until = 0.0

    def _heard(self, _connection: object, _pid: int, channel: str, payload: object) -> None:
        word = _word(str(payload))
        for ear, wanted in self._ears.items():
            if wanted == channel:
                ear.put_nowait(word)


def _word(payload: str) -> object:
    tenant, *more = payload.split(" ")
    if not tenant:
        return payload
    return (UUID(tenant), Environment(more[0])) if more else UUID(tenant)


@dataclass(frozen=True)
class Topic(Generic[Told]):
    """What the listener hears on one channel; None says that the line was down and anything may have changed."""

    listener: Listener
    channel: str

    @property
    def alive(self) -> bool:
        return self.listener.alive

    @property
    def line(self) -> int:
        return self.listener.line

    @property
    def silence(self) -> float:
        return self.listener.silence

    def listen(self) -> AsyncIterator[Told | None]:
        return self.listener.listen(self.channel)
