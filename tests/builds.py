"""A module whose handlers take long: each tells how far it has come, and ends when it is let."""

import asyncio
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from application.commands.handling import Handlers, Order, handles
from domain.canonical import Json
from domain.commands.outcomes import HandlerKind
from domain.commands.policies import TypePolicy
from tests.works import Note, Site, Way

_WRITE = text("INSERT INTO works.effect (tenant_id, command) VALUES (:tenant, :command)")
LONG = TypePolicy(lane="workflow", timeout_seconds=3600, backoff=(0, 0))
SHORT = TypePolicy(backoff=(90,), promotes_after=1)
BRISK = TypePolicy(lane="workflow", timeout_seconds=3600, heartbeat_seconds=2, backoff=(0,), max_attempts=2)


@dataclass
class Builds:
    """`calls` are the keys with which it was called, `reached` what each was told of the attempt before.

    `ways` are what each execution of a command does, and raises; without one it ends at once.
    """

    calls: list[str] = field(default_factory=list)
    reached: list[Json] = field(default_factory=list)
    ways: dict[str, list[Way]] = field(default_factory=dict)
    canceled: list[str] = field(default_factory=list)

    @handles("works.build", Note, HandlerKind.EXTERNAL, policy=LONG)
    async def build(self, order: Order, note: Note) -> Json:
        await self._met(order)
        return {"built": note.words}

    @handles("works.rebuild", Note, HandlerKind.TRANSACTIONAL, policy=LONG)
    async def rebuild(self, order: Order, note: Note, connection: AsyncConnection) -> Json:
        await connection.execute(_WRITE, {"tenant": order.tenant, "command": order.command.id})
        await self._met(order)
        return {"rebuilt": note.words}

    @handles("works.fetch", Note, HandlerKind.EXTERNAL, policy=SHORT)
    async def fetch(self, order: Order, note: Note) -> Json:
        """Executed with others until it has failed."""
        await self._met(order)
        return {"fetched": note.words}

    @handles("works.brisk", Note, HandlerKind.EXTERNAL, policy=BRISK)
    async def brisk(self, order: Order, note: Note) -> Json:
        """It lives for longer than may pass between two words of it."""
        for step in range(30):
            await order.progress({"step": step})
            await asyncio.sleep(0.1)
        return await self.build(order, note)

    @handles("works.mute", Note, HandlerKind.EXTERNAL, policy=BRISK)
    async def mute(self, order: Order, note: Note) -> Json:
        await order.progress({"said": "nothing more"})
        return await self.build(order, note)

    async def _met(self, order: Order) -> None:
        self.calls.append(order.idempotency_key)
        self.reached.append(order.reached)
        await order.progress({"attempt": order.attempt})
        ways = self.ways.get(order.command.id)
        way = ways.pop(0) if ways else None
        try:
            if isinstance(way, BaseException):
                raise way
            if way is not None:
                await way()
        except asyncio.CancelledError:
            self.canceled.append(order.command.id)
            raise


def building(site: Site) -> Builds:
    """The site executes long commands as well."""
    builds = Builds()
    site.handlers = Handlers(site.works, builds)
    return builds
