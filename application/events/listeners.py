"""Parts of this process hear of events: each at least once while the process lives, and none twice unless it failed."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import structlog

from application.ports.store import News, Store
from application.settings.snapshots import SettingSnapshots
from domain.environments import Environment
from domain.events import Event

_AT_ONCE = 500
_FIRST = 100
_REMEMBERED = 5_000

log = structlog.get_logger()

Listener = Callable[[UUID, Sequence[Event]], Awaitable[None]]
"""Takes some events of one tenant, in order; where it raises, they are told to it again."""


class Listeners:
    """Of a tenant that is heard of for the first time the last few events are told, whenever they were."""

    def __init__(self, store: Store, *listeners: Listener, pause: float = 0.5) -> None:
        self._store = store
        self._pause = pause
        self._listeners = list(listeners)
        self._positions: dict[tuple[int, UUID], int] = {}
        self._heard: dict[tuple[int, UUID], None] = {}

    def add(self, listener: Listener) -> None:
        self._listeners.append(listener)

    async def follow(self, news: News) -> None:
        """Runs as long as the process: each listener goes its own way, and one that fails holds no other up."""
        await asyncio.gather(*(self._lead(number, news) for number in range(len(self._listeners))))

    async def _lead(self, number: int, news: News) -> None:
        async for place in news.listen():
            known = [tenant for each, tenant in self._positions if each == number]
            for tenant in [place[0]] if place is not None else known:
                await self._tell(number, tenant)

    async def _tell(self, number: int, tenant: UUID) -> None:
        while True:
            if await self._told(number, tenant):
                return
            await asyncio.sleep(self._pause)

    async def _told(self, number: int, tenant: UUID) -> bool:
        """Whether this listener knows all that there is."""
        try:
            while events := await self._fresh(number, tenant):
                news = [each for each in events if (number, each.id) not in self._heard]
                await self._listeners[number](tenant, news)
                self._remember(number, tenant, events)
        except Exception as error:  # noqa: BLE001 -- whatever it was, the listener is told again
            log.warning("listener.failed", tenant=str(tenant), error=type(error).__name__)
            return False
        return True

    async def _fresh(self, number: int, tenant: UUID) -> list[Event]:
        async with self._store.transaction(tenant) as tx:
            position = self._positions.get((number, tenant))
            if position is None:
                line = await tx.events.line()
                position = self._positions[number, tenant] = max(line.forgotten, line.position - _FIRST)
            return await tx.events.after(position, _AT_ONCE)

    def _remember(self, number: int, tenant: UUID, events: Sequence[Event]) -> None:
        self._positions[number, tenant] = max(each.position or 0 for each in events)
        self._heard |= {(number, each.id): None for each in events}
        while len(self._heard) > _REMEMBERED:
            del self._heard[next(iter(self._heard))]


def refreshing(snapshots: SettingSnapshots) -> Listener:
    """What is told from memory is read anew where something was told, also when it is a plan that begins."""

    async def refresh(tenant: UUID, events: Sequence[Event]) -> None:
        places = {each.environment for each in events if each.type.of_settings}
        await snapshots.refresh(tenant, *(Environment if None in places else [each for each in places if each]))

    return refresh
