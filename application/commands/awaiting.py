"""Whoever sends a command may wait some seconds for its end, and is told where it stands when they are over."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Final

from application.commands.sending import Sending, Sent
from application.ports.processes import Processes
from application.ports.store import Store
from domain.commands import Command, CommandRecord, CommandState
from domain.errors import Unavailable
from domain.people import Actor

LONGEST: Final = 30
"""Seconds that anybody may wait."""
FIRST_LOOK, LAST_LOOK = 0.02, 0.25
"""Seconds between two looks at the row: they grow from the one to the other."""


class Awaiting:
    def __init__(self, store: Store, processes: Processes | None = None) -> None:
        """Without processes it looks at the database alone."""
        self._store = store
        self._processes = processes
        self._sending = Sending(store)

    async def send(self, actor: Actor, command: Command, seconds: float) -> Sent:
        """Raises as `Sending.send` does, and WillNotRun where the command is sent and cannot be executed."""
        sent = await self._sending.send(actor, command)
        if sent.coalesced:
            return sent
        return replace(sent, record=await self.end(sent.record, seconds))

    async def end(self, record: CommandRecord, seconds: float) -> CommandRecord:
        """As it stands when it is over or waits for a person, or after so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                if not _at_rest(record):
                    await self._by_its_workflow(record, seconds)
                pause = FIRST_LOOK
                while not _at_rest(record := await self._now(record)):
                    await asyncio.sleep(pause)
                    pause = min(pause * 1.5, LAST_LOOK)
                return record
        return await self._now(record)

    async def _by_its_workflow(self, record: CommandRecord, seconds: float) -> None:
        """What is executed by one of its own is told by that; where Temporal is away, the row tells as well."""
        if self._processes is None or record.due_at > record.sent_at + timedelta(seconds=seconds):
            return
        if await self._alone(record):
            with suppress(Unavailable):
                await self._processes.command_outcome(record, seconds)

    async def _alone(self, record: CommandRecord) -> bool:
        if record.alone:
            return True
        async with self._store.transaction(record.tenant) as tx:
            types = await tx.commands.types(record.command.domain)
        return any(each.type == record.command.type and each.policy.get("lane") == "workflow" for each in types)

    async def _now(self, record: CommandRecord) -> CommandRecord:
        async with self._store.transaction(record.tenant) as tx:
            return await tx.commands.get(record.key) or record


def _at_rest(record: CommandRecord) -> bool:
    return record.over or record.state is CommandState.PARKED
