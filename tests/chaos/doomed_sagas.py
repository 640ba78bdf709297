"""A process that kills the worker which carries it on, at each place where that can die.

What has died already is found in a folder: `deaths` has a line for each.
"""

import os
import signal
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from application.commands.handling import Order, handles
from application.sagas.declaring import Instruction, Planned, process
from domain.canonical import Json
from domain.commands.outcomes import BusinessRule, HandlerKind

_WRITE = text("INSERT INTO works.effect (tenant_id, command) VALUES (:tenant, :command)")


class Journey(BaseModel):
    """`deadly` are the places where it dies once: before `plan`, while `send:one`, after `write:one` and so on."""

    folder: Path
    deadly: list[str] = []
    arrives: bool = True


class Leg(BaseModel):
    name: str
    folder: Path
    deadly: list[str]
    fails: bool = False


class Doomed:
    @process("doomed.travel", Journey)
    def travel(self, wished: Journey) -> Sequence[Planned]:
        """The worker dies in the transaction that plans it, or sends or undoes a step."""
        meet(wished.folder, "plan", wished.deadly)

        def leg(name: str, verb: str, *, fails: bool = False) -> Instruction:
            meet(wished.folder, f"{verb}:{name}", wished.deadly)
            called = name if verb == "send" else f"{name}-back"
            payload = {"name": called, "folder": str(wished.folder), "deadly": wished.deadly, "fails": fails}
            return Instruction("doomed.go", payload)

        return [
            Planned("one", lambda _: leg("one", "send"), undo=lambda _: leg("one", "undo")),
            Planned("two", lambda _: leg("two", "send"), undo=lambda _: leg("two", "undo")),
            Planned("three", lambda _: leg("three", "send", fails=not wished.arrives)),
        ]

    @handles("doomed.go", Leg, HandlerKind.TRANSACTIONAL)
    async def go(self, order: Order, leg: Leg, connection: AsyncConnection) -> Json:
        """And when a step has taken effect, and nobody knows it."""
        if leg.fails:
            raise BusinessRule("no-way", "there is no way")
        await connection.execute(_WRITE, {"tenant": order.tenant, "command": order.command.id})
        meet(leg.folder, f"write:{leg.name}", leg.deadly)
        return None


def meet(folder: Path, place: str, deadly: Sequence[str]) -> None:
    deaths = folder / "deaths"
    if place not in deadly or (deaths.exists() and place in deaths.read_text().splitlines()):
        return
    with deaths.open("a") as file:
        file.write(f"{place}\n")
        file.flush()
        os.fsync(file.fileno())
    os.kill(os.getpid(), signal.SIGKILL)
