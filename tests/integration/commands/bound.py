"""Handlers with bounds, and workers of one tenant or of several."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.memory.chunks import MemoryChunks
from application.commands.executing import Executing
from application.commands.handling import Order, handles
from application.commands.relaying import CommandRelay
from domain.canonical import Json
from domain.commands import CommandState
from domain.commands.outcomes import HandlerKind
from domain.commands.policies import TypePolicy
from tests.works import Lanes, Note, Site, Works

S = CommandState
MOMENT = timedelta(minutes=1)
TEN, THREE = TypePolicy(per_second=0.001, burst=10), TypePolicy(at_once=3)
CRM = TypePolicy(depends_on="crm", backoff=(1,), max_attempts=9, timeout_seconds=5)


@dataclass
class Bound(Works):
    """Some of its types have bounds; `most` is how many of one type ever ran at once."""

    running: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)

    @handles("works.ten", Note, HandlerKind.EXTERNAL, policy=TEN)
    async def ten(self, order: Order, note: Note) -> Json:
        return await self.call(order, note)

    @handles("works.three", Note, HandlerKind.EXTERNAL, policy=THREE)
    async def three(self, order: Order, note: Note) -> Json:
        kind = order.command.type
        self.running[kind] += 1
        self.most[kind] = max(self.most[kind], self.running[kind])
        try:
            return await self.call(order, note)
        finally:
            self.running[kind] -= 1

    @handles("works.ask", Note, HandlerKind.EXTERNAL, policy=CRM)
    async def ask(self, order: Order, note: Note) -> Json:
        return await self.call(order, note)

    @handles("works.enter", Note, HandlerKind.TRANSACTIONAL, policy=CRM)
    async def enter(self, order: Order, note: Note, connection: AsyncConnection) -> Json:
        return await self.write(order, note, connection)

    @handles(
        "works.long", Note, HandlerKind.EXTERNAL,
        policy=TypePolicy(lane="workflow", at_once=2, depends_on="mill", breaks_after=2, backoff=(1,), max_attempts=9),
    )  # fmt: skip
    async def long(self, order: Order, note: Note) -> Json:
        return await self.call(order, note)


class Unlucky(Lanes):
    """The last of the tenants is found last."""

    async def due_commands(self) -> list[tuple[UUID, str]]:
        return sorted(await super().due_commands(), key=lambda lane: self.tenants.index(lane[0]))


class Shift:
    """Workers of one tenant or of several, each with a relay and an executor of its own."""

    def __init__(self, site: Site, *others: Site, workers: int = 3, most: int = 100) -> None:
        lanes = Lanes(site.store, (site.tenant, *(each.tenant for each in others)))
        self.chunks = [MemoryChunks(Executing(site.store, site.handlers).execute) for _ in range(workers)]
        self.relays = [CommandRelay(site.store, lanes, each, site.handlers, most=most) for each in self.chunks]

    async def round(self) -> int:
        return sum(await asyncio.gather(*(each.round() for each in self.relays)))

    async def settled(self) -> None:
        await asyncio.gather(*(each.settled() for each in self.relays))

    async def work(self) -> int:
        led = await self.round()
        await self.settled()
        while found := await self.round():
            led += found
            await self.settled()
        return led


@asynccontextmanager
async def at_work(site: Site, *others: Site, **given: Any) -> AsyncIterator[Shift]:
    shift = Shift(site, *others, **given)
    yield shift
    for each in shift.chunks:
        await each.stop()


def named(prefix: str, most: int) -> list[str]:
    return [f"{prefix}{each:04}" for each in range(most)]


async def until(seen: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not seen():  # noqa: ASYNC110 -- other tasks set no event of ours
            await asyncio.sleep(0.01)


async def counted(site: Site, names: list[str]) -> Counter[CommandState]:
    return Counter(await site.states(*names))
