"""An outbox in a test, whose table may be looked at and whose leases may be ended."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporal_outbox.delivery import OutboxRelay, relay_of
from temporal_outbox.events import Event
from temporal_outbox.messages import Message, Start, key_of
from temporal_outbox.passing import Passing
from temporal_outbox.relay import Relay
from temporal_outbox.source import Config, OutboxSource
from temporal_outbox.table import Added, Outbox
from temporalio import workflow
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner, Worker


@workflow.defn(name="Gathering")
class Gathering:
    """Ends with what it was told, once it was told so many words."""

    def __init__(self) -> None:
        self.words: list[str] = []

    @workflow.run
    async def run(self, many: int) -> list[str]:
        await workflow.wait_condition(lambda: len(self.words) >= many)
        return self.words

    @workflow.signal
    def tell(self, word: str) -> None:
        self.words.append(word)


class Troubled(Passing):
    """Temporal answers as it is told for what has these keys."""

    fails: Mapping[str, RPCStatusCode] = MappingProxyType({})

    async def __call__(self, message: Message) -> None:
        if (status := self.fails.get(key_of(message))) is not None:
            raise RPCError("so it was told", status, b"")
        await super().__call__(message)


class Line:
    """A way to a server that may be cut: who is connected is thrown out, and who comes is not let in."""

    def __init__(self, host: str, port: int) -> None:
        self._far = host, port
        self._ends: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._joined, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        if self._server is not None:
            self._server.close()
        for end in self._ends:
            end.transport.abort()

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._far)
        self._ends |= {writer, back}
        with suppress(OSError):
            await asyncio.gather(_carry(reader, back), _carry(there, writer))


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while words := await reader.read(65536):
        writer.write(words)
        await writer.drain()
    writer.close()


@dataclass
class Post:
    engine: AsyncEngine
    client: Client
    outbox: Outbox
    queue: str
    database: str
    temporal: str
    events: list[Event] = field(default_factory=list)

    def start(self, name: str, many: int = 0, **more: Any) -> Start:
        return Start("Gathering", f"{self.queue}/{name}", self.queue, [many], **more)

    async def add(self, *messages: Message) -> list[Added]:
        async with self.engine.begin() as connection:
            return await self.outbox.add_async(connection, *messages)

    def troubled(self, fails: dict[str, RPCStatusCode]) -> OutboxRelay:
        """It tries twice, with an hour in between."""
        passing = Troubled(self.client)
        passing.fails = {f"start/{self.queue}/{name}": status for name, status in fails.items()}
        config = Config(attempts=2, pause=timedelta(hours=1), longest_pause=timedelta(hours=1))
        return Relay(OutboxSource(self.engine, passing, self.outbox, config, self.events.append))

    def relay(self, config: Config | None = None, client: Client | None = None) -> OutboxRelay:
        return relay_of(self.engine, client or self.client, self.outbox, config or Config(), self.events.append)

    async def rows(self, what: str = "key, state, reason") -> list[Any]:
        async with self.engine.connect() as connection:
            return list(await connection.execute(text(f"SELECT {what} FROM {self.outbox.table} ORDER BY position")))  # noqa: S608

    async def states(self) -> list[str]:
        return [row.state for row in await self.rows()]

    async def let_pass(self) -> None:
        """Every lease and every pause has ended."""
        async with self.engine.begin() as connection:
            await connection.exec_driver_sql(f"UPDATE {self.outbox.table} SET due_at = now()")  # noqa: S608

    async def run_of(self, name: str) -> str | None:
        return (await self.client.get_workflow_handle(f"{self.queue}/{name}").describe()).run_id

    async def result(self, name: str) -> list[str]:
        handle = self.client.get_workflow_handle(f"{self.queue}/{name}", result_type=list[str])
        return await asyncio.wait_for(handle.result(), 60)

    def worker(self) -> Worker:
        runner = UnsandboxedWorkflowRunner()
        return Worker(self.client, task_queue=self.queue, workflows=[Gathering], workflow_runner=runner)


@asynccontextmanager
async def running(relay: OutboxRelay) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(relay.run())
    yield task
    relay.stop()
    await asyncio.wait_for(task, 60)


async def eventually(seen: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await seen():  # noqa: ASYNC110 -- what is waited for happens elsewhere
            await asyncio.sleep(0.02)
