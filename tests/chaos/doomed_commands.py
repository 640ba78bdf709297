"""Handlers that kill the process that runs them, where the payload of a command says so.

What they did is found in a folder: `calls` has a line for each call, `deaths` one for each death.
"""

import asyncio
import os
import signal
from pathlib import Path

from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from application.commands.handling import Order, handles
from domain.canonical import Json
from domain.commands.outcomes import HandlerKind
from domain.commands.policies import TypePolicy

_WRITE = text("INSERT INTO works.effect (tenant_id, command) VALUES (:tenant, :command)")


class Fate(BaseModel):
    """It dies as often as `deaths`, once its work is done; before that it takes so many `seconds`."""

    folder: Path
    deaths: int = 0
    seconds: float = 0


class Doomed:
    @handles("doomed.write", Fate, HandlerKind.TRANSACTIONAL)
    async def write(self, order: Order, fate: Fate, connection: AsyncConnection) -> Json:
        await connection.execute(_WRITE, {"tenant": order.tenant, "command": order.command.id})
        await _meet(order, fate)
        return None

    @handles("doomed.long", Fate, HandlerKind.TRANSACTIONAL, policy=TypePolicy(lane="workflow"))
    async def long(self, order: Order, fate: Fate, connection: AsyncConnection) -> Json:
        return await self.write(order, fate, connection)

    @handles("doomed.call", Fate, HandlerKind.EXTERNAL)
    async def call(self, order: Order, fate: Fate) -> Json:
        noted(fate.folder / "calls", order.idempotency_key)
        await _meet(order, fate)
        return None


async def _meet(order: Order, fate: Fate) -> None:
    await asyncio.sleep(fate.seconds)
    deaths = fate.folder / "deaths"
    died = deaths.read_text().splitlines().count(order.command.id) if deaths.exists() else 0
    if died < fate.deaths:
        noted(deaths, order.command.id)
        os.kill(os.getpid(), signal.SIGKILL)


def noted(path: Path, line: str) -> None:
    with path.open("a") as file:
        file.write(f"{line}\n")
        file.flush()
        os.fsync(file.fileno())
