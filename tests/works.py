"""A module whose handlers write down what they do, in a table of its own, and then go wrong as they were told to."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import asyncpg
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.store import PostgresStore
from application.commands.executing import Executing
from application.commands.handling import Handlers, Order, handles
from application.ports.commands import CommandLanes
from application.ports.records import AuditFilter
from domain.canonical import Json
from domain.commands import Command, CommandRecord, CommandState, CommandType, Options, fingerprint
from domain.commands.outcomes import HandlerKind, Permanent
from domain.commands.policies import TypePolicy

_WRITE = text("INSERT INTO works.effect (tenant_id, command) VALUES (:tenant, :command)")
SCHEMA = """
    CREATE SCHEMA IF NOT EXISTS works;
    CREATE TABLE IF NOT EXISTS works.effect (tenant_id uuid NOT NULL, command text NOT NULL);
    GRANT USAGE ON SCHEMA works TO changegate_app;
    GRANT SELECT, INSERT ON works.effect TO changegate_app;
"""
Way: TypeAlias = "BaseException | Callable[[], Awaitable[None]]"


class Note(BaseModel):
    words: str = ""


@dataclass
class Works:
    """`calls` are the keys with which it was called; `ways` what goes wrong each time a command is executed."""

    calls: list[str] = field(default_factory=list)
    ways: dict[str, list[Way]] = field(default_factory=dict)

    @handles("works.write", Note, HandlerKind.TRANSACTIONAL)
    async def write(self, order: Order, note: Note, connection: AsyncConnection) -> Json:
        self.calls.append(order.idempotency_key)
        await connection.execute(_WRITE, {"tenant": order.tenant, "command": order.command.id})
        await self._as_told(order)
        return {"wrote": note.words}

    @handles("works.call", Note, HandlerKind.EXTERNAL, policy=TypePolicy(timeout_seconds=60))
    async def call(self, order: Order, note: Note) -> Json:
        self.calls.append(order.idempotency_key)
        await self._as_told(order)
        return {"called": note.words}

    @handles("works.hurry", Note, HandlerKind.TRANSACTIONAL, policy=TypePolicy(max_attempts=2, timeout_seconds=0.2))
    async def hurry(self, order: Order, note: Note, connection: AsyncConnection) -> Json:
        return await self.write(order, note, connection)

    @handles("works.split", Note, HandlerKind.TRANSACTIONAL)
    async def split(self, order: Order, note: Note, connection: AsyncConnection) -> Json:
        await order.send(Command("works.call", f"{order.command.id}-child", {"words": note.words}))
        await self._as_told(order)
        return None

    @handles("works.pass-on", Note, HandlerKind.EXTERNAL)
    async def pass_on(self, order: Order, note: Note) -> Json:
        await order.send(Command("works.call", f"{order.command.id}-child", {"words": note.words}))
        await self._as_told(order)
        return None

    @handles("works.babble", Note, HandlerKind.TRANSACTIONAL)
    async def babble(self, order: Order, note: Note, connection: AsyncConnection) -> Json:
        await self.write(order, note, connection)
        return "no text of a database holds \x00"

    @handles("works.hush", Note, HandlerKind.TRANSACTIONAL)
    async def hush(self, order: Order, note: Note, connection: AsyncConnection) -> Json:
        """Says nothing of what the database refused."""
        with suppress(DBAPIError):
            await connection.execute(text("SELECT 1 / 0"))
        return None

    @handles("works.judge", Note, HandlerKind.TRANSACTIONAL)
    async def judge(self, order: Order, note: Note, connection: AsyncConnection) -> Json:
        """Takes whatever the database refuses for something that nothing helps against."""
        try:
            return await self.write(order, note, connection)
        except DBAPIError:
            raise Permanent("refused") from None

    async def _as_told(self, order: Order) -> None:
        ways = self.ways.get(order.command.id)
        if not ways:
            return
        way = ways.pop(0)
        if isinstance(way, BaseException):
            raise way
        await way()


@dataclass
class Site:
    """One tenant whose commands are executed by hand."""

    tenant: UUID
    store: PostgresStore
    owner: asyncpg.Connection
    works: Works = field(default_factory=Works)

    def __post_init__(self) -> None:
        self.handlers = Handlers(self.works)
        self.executing = Executing(self.store, self.handlers)

    async def send(self, *ids: str, type: str = "works.write", payload: Json = None, **options: Any) -> None:  # noqa: A002 -- the command's
        async with self.store.transaction(self.tenant) as tx:
            await tx.commands.add([self.sent(each, tx.now, type, payload, **options) for each in ids])

    async def lease(self, most: int = 100) -> UUID:
        lease = uuid4()
        async with self.store.transaction(self.tenant) as tx:
            await tx.commands.lease("works", most, tx.now + timedelta(minutes=1), lease)
        return lease

    async def execute(self, executing: Executing | None = None) -> dict[str, int]:
        return await (executing or self.executing).execute(self.tenant, await self.lease())

    async def stand(self, command: str) -> CommandRecord:
        (found,) = await self.stands(command)
        return found

    async def stands(self, *ids: str) -> list[CommandRecord]:
        async with self.store.transaction(self.tenant) as tx:
            found = [await tx.commands.get(("works", each)) for each in ids]
        return [each for each in found if each is not None]

    async def states(self, *ids: str) -> list[CommandState]:
        return [each.state for each in await self.stands(*ids)]

    async def effects(self) -> list[str]:
        rows = await self.owner.fetch("SELECT command FROM works.effect WHERE tenant_id = $1", self.tenant)
        return sorted(row["command"] for row in rows)

    async def let_pass(self, by: timedelta) -> None:
        """Everything that is kept becomes so much older."""
        await self.owner.execute(
            "UPDATE command SET due_at = due_at - $2::interval, rank = rank - $2::interval,"
            " expires_at = expires_at - $2::interval WHERE tenant_id = $1 AND ended_at IS NULL",
            *(self.tenant, by),
        )
        await self.owner.execute(
            "UPDATE command_lease SET ends_at = ends_at - $2::interval WHERE tenant_id = $1", self.tenant, by
        )

    async def trail(self, command: str) -> list[str]:
        """The last words of the events of a command, oldest first."""
        async with self.store.transaction(self.tenant) as tx:
            rows = await tx.audit.page(AuditFilter(resource_type="command", resource=f"works/{command}"), None, 100)
        return [row.event["action"].rpartition(":")[2] for row in reversed(rows)]

    def sent(
        self, name: str, at: datetime, kind: str = "works.write", payload: Json = None, **options: Any
    ) -> CommandRecord:
        asked = Options(**{"correlation": uuid4(), **options})
        command = Command(kind, name, payload if payload is not None else {"words": name}, options=asked)
        return CommandRecord(command, self.tenant, fingerprint(command), None, at, asked.not_before or at)

    async def ended(self) -> list[tuple[UUID, UUID]]:
        """Its leases that have ended."""
        return [each for each in await self.store.ended_leases() if each[0] == self.tenant]


@dataclass
class Lanes:
    """Those of some tenants, as if there were no others in the database."""

    store: CommandLanes
    tenants: tuple[UUID, ...]
    asked: int = 0

    async def put_command_types(self, types: Sequence[CommandType]) -> None:
        await self.store.put_command_types(types)

    async def due_commands(self) -> list[tuple[UUID, str]]:
        self.asked += 1
        return [each for each in await self.store.due_commands() if each[0] in self.tenants]

    async def due_alone(self) -> set[tuple[UUID, str]]:
        return {each for each in await self.store.due_alone() if each[0] in self.tenants}

    async def ended_leases(self) -> list[tuple[UUID, UUID]]:
        return [each for each in await self.store.ended_leases() if each[0] in self.tenants]

    async def listen_for_commands(self, lasting: timedelta) -> None:
        await self.store.listen_for_commands(lasting)


async def for_ever() -> None:
    await asyncio.Event().wait()
