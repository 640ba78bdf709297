"""Long handlers, one of which kills the process that runs both, once."""

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

LONG = TypePolicy(lane="workflow", timeout_seconds=3600)
_WRITE = text("INSERT INTO works.effect (tenant_id, command) VALUES (:tenant, :command)")


class Place(BaseModel):
    """`calls` has a line for each call, with what had been reached by then; `deaths` one for each death."""

    folder: Path


class Builds:
    @handles("doomed.build", Place, HandlerKind.EXTERNAL, policy=LONG)
    async def build(self, order: Order, place: Place) -> Json:
        """What is called the first time never answers."""
        first = not _lines(place, "calls")
        await order.progress({"halfway": True})
        _note(place, "calls", f"{order.idempotency_key} {order.reached}")
        if first:
            await asyncio.Event().wait()
        return None

    @handles("doomed.rebuild", Place, HandlerKind.TRANSACTIONAL, policy=LONG)
    async def rebuild(self, order: Order, place: Place, connection: AsyncConnection) -> Json:
        await connection.execute(_WRITE, {"tenant": order.tenant, "command": order.command.id})
        while not _lines(place, "calls"):  # noqa: ASYNC110 -- another handler's line
            await asyncio.sleep(0.05)
        if not _lines(place, "deaths"):
            _note(place, "deaths", order.command.id)
            os.kill(os.getpid(), signal.SIGKILL)
        return None


def _lines(place: Place, name: str) -> list[str]:
    path = place.folder / name
    return path.read_text().splitlines() if path.exists() else []


def _note(place: Place, name: str, line: str) -> None:
    with (place.folder / name).open("a") as file:
        file.write(f"{line}\n")
        file.flush()
        os.fsync(file.fileno())
