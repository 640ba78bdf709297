"""Commands in PostgreSQL: what is sent, leased or moved is so in one statement, however many they are."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, delete, func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from adapters.postgres.batches import PostgresBatches
from adapters.postgres.command_breakers import PostgresCommandBreakers, put_dependencies
from adapters.postgres.command_bulks import PostgresCommandBulks
from adapters.postgres.command_limits import PostgresCommandLimits
from adapters.postgres.command_repairs import PostgresCommandRepairs
from adapters.postgres.command_rows import (
    LEASE,
    LEASE_ALONE,
    LEASE_BY_TYPE,
    LEASE_OF_TYPES,
    SAVE,
    SEND,
    moved,
    record_of,
    saved,
    sent,
    text_of,
)
from adapters.postgres.errors import DatabaseUnavailable
from adapters.postgres.long_commands import PostgresLongCommands
from adapters.postgres.parked_commands import PostgresParkedCommands
from adapters.postgres.purged_commands import PostgresPurgedCommands, purged_among
from adapters.postgres.tables_commands import command, command_lease, command_type
from adapters.postgres.unique_keys import PostgresUniqueKeys
from application.ports.commands import EVERY, SUSPECTS, CommandFilter, Mark, Types
from domain.commands import CommandRecord, CommandState, CommandType, Key
from domain.commands.answers import OWN
from domain.errors import Stale

_C, _L, _T = command.c, command_lease.c, command_type.c
_LISTEN = text(
    "INSERT INTO command_line (idle_until) VALUES (clock_timestamp() + CAST(:lasting AS interval))"
    " ON CONFLICT (one) DO UPDATE SET idle_until = greatest(command_line.idle_until, excluded.idle_until)"
)


class PostgresCommands:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant
        self._connection: AsyncConnection | None = None
        self.parked = PostgresParkedCommands(session, tenant)
        self.unique = PostgresUniqueKeys(session, tenant)
        self.purged = PostgresPurgedCommands(session, tenant)
        self.repairs = PostgresCommandRepairs(session, tenant)
        self.bulks = PostgresCommandBulks(session, tenant)
        self.long = PostgresLongCommands(session, tenant)
        self.limits = PostgresCommandLimits(session, tenant)
        self.breakers = PostgresCommandBreakers(session, tenant)
        self.batches = PostgresBatches(session, tenant)

    async def types(self, domain: str | None = None) -> list[CommandType]:
        query = select(command_type).order_by(_T.type, _T.schema_version)
        if domain is not None:
            query = query.where(_T.type.startswith(f"{domain}.", autoescape=True))
        rows = await self._session.execute(query)
        return [CommandType(row.type, row.schema_version, row.schema, row.policy) for row in rows]

    async def add(self, records: Sequence[CommandRecord]) -> list[CommandRecord]:
        if len(records) <= 1:
            return await self._added(records) if records else []
        async with self._session.begin_nested() as undone:
            known = await self._added(records)
            given = {each.key: each.fingerprint for each in records}
            if any(each.fingerprint != given[each.key] for each in known):
                await undone.rollback()
        return known

    async def _added(self, records: Sequence[CommandRecord]) -> list[CommandRecord]:
        rows = text_of([sent(each) for each in records])
        added = await self._session.execute(SEND, {"rows": rows, "tenant": self._tenant})
        new = {(row.domain, row.command_id) for row in added}
        known = [each.key for each in records if each.key not in new]
        if not known:
            return []
        query = select(command).where(tuple_(_C.domain, _C.command_id).in_(known))
        there = {(row.domain, row.command_id): record_of(row) for row in await self._session.execute(query)}
        if len(there) < len(known):
            given = {each.key: each for each in records}
            purged = await purged_among(self._session, [key for key in known if key not in there])
            there |= {key: each.as_sent(given[key]) for key, each in purged.items()}
        return [there[key] for key in known]

    async def get(self, key: Key, *, lock: bool = False) -> CommandRecord | None:
        query = select(command).where(_C.domain == key[0], _C.command_id == key[1])
        row = (await self._session.execute(query.with_for_update() if lock else query)).one_or_none()
        return record_of(row) if row else None

    async def still(self, domain: str, ids: Sequence[str]) -> list[CommandRecord]:
        query = select(command).where(_C.domain == domain, _C.command_id.in_(ids)).with_for_update(skip_locked=True)
        return [record_of(row) for row in await self._session.execute(query)]

    async def page(self, wanted: CommandFilter, before: Mark | None, limit: int) -> list[CommandRecord]:
        return [record_of(row) for row in await self._session.execute(newest(wanted, before, limit))]

    async def lease(
        self, domain: str, most: int, ends_at: datetime, lease: UUID, types: Types = EVERY
    ) -> list[CommandRecord]:
        asked = {"tenant": self._tenant, "domain": domain, "most": most, "lease": lease, "ends_at": ends_at}
        asked |= {"suspects": types.suspects, "together": SUSPECTS}
        if replace(types, suspects=True) == EVERY:
            return _by_rank(await self._session.execute(LEASE, asked))
        rooms = text_of([{"type": name, **vars(room)} for name, room in types.rooms.items()])
        parts = text_of([{"part": name, "room": room} for name, room in types.parts.items()])
        asked |= {"types": sorted(types.names), "only": types.only, "rooms": rooms, "parts": parts}
        apart = LEASE_ALONE if types.alone else LEASE_BY_TYPE
        return _by_rank(await self._session.execute(LEASE_OF_TYPES if types.only else apart, asked))

    async def hold(self, lease: UUID) -> datetime | None:
        query = select(_L.ends_at).where(_L.lease_id == lease).with_for_update(key_share=True)
        ends_at: datetime | None = await self._session.scalar(query)
        return ends_at

    async def leased(self, lease: UUID) -> list[CommandRecord]:
        return _by_rank(await self._session.execute(select(command).where(_C.lease == lease)))

    async def extend(self, lease: UUID, ends_at: datetime) -> None:
        await self._session.execute(update(command_lease).where(_L.lease_id == lease).values(ends_at=ends_at))

    async def end(self, lease: UUID) -> None:
        await self._session.execute(delete(command_lease).where(_L.lease_id == lease))

    @asynccontextmanager
    async def attempt(self, *, undone: bool = True) -> AsyncIterator[AsyncConnection]:
        connection = self._connection = self._connection or await self._session.connection()
        if not undone:
            yield connection
            return
        savepoint = await connection.begin_nested()
        try:
            yield connection
        except Exception as error:
            with suppress(DBAPIError, InvalidRequestError):
                await savepoint.rollback()
            if connection.invalidated or connection.closed:
                raise DatabaseUnavailable from error
            raise
        await savepoint.commit()

    async def save(self, records: Sequence[CommandRecord]) -> list[CommandRecord]:
        if not records:
            return []
        rows = text_of([moved(each) for each in records])
        after = {(row.domain, row.command_id): row for row in await self._session.execute(SAVE, {"rows": rows})}
        if len(after) < len(records):
            raise Stale(kind_of_thing="command")
        return [saved(each, after[each.key]) for each in records]


def newest(wanted: CommandFilter, before: Mark | None, limit: int) -> Select[Any]:
    query = select(command)
    equal = {
        _C.state: wanted.state,
        _C.domain: wanted.domain,
        _C.type: wanted.type,
        _C.correlation: wanted.correlation,
        _C.change_id: wanted.change,
        _C.batch_id: wanted.batch,
    }
    for column, value in equal.items():
        query = query if value is None else query.where(column == value)
    if wanted.state not in {None, CommandState.COMPLETED}:
        query = query.where(_C.state != CommandState.COMPLETED.value)  # the index of all others says so, too
    if wanted.since is not None:
        query = query.where(_C.sent_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(_C.sent_at < wanted.until)
    if before is not None:
        query = query.where(tuple_(_C.sent_at, _C.domain, _C.command_id) < tuple_(*before))
    return query.order_by(_C.sent_at.desc(), _C.domain.desc(), _C.command_id.desc()).limit(limit)


async def put_types(session: AsyncSession, types: Sequence[CommandType]) -> None:
    await put_dependencies(session, types)
    for each in (each for each in types if each.domain != OWN):
        new = upsert(command_type).values(
            type=each.type, schema_version=each.schema_version, schema=each.schema, policy=each.policy
        )
        latest = {"schema": new.excluded.schema, "policy": new.excluded.policy, "put_at": text("now()")}
        await session.execute(new.on_conflict_do_update(index_elements=[_T.type, _T.schema_version], set_=latest))
    served, domains = [(each.type, each.schema_version) for each in types], {each.domain for each in types}
    gone = (func.split_part(_T.type, ".", 1).in_(domains), _T.policy.has_key("follows"))
    stopped = update(command_type).where(*gone, tuple_(_T.type, _T.schema_version).not_in(served))
    await session.execute(stopped.values(policy=_T.policy.delete_path(array(["follows"]))))


async def due(session: AsyncSession) -> list[tuple[UUID, str]]:
    rows = await session.execute(text("SELECT * FROM find_due_commands()"))
    return [(row.tenant_id, row.domain) for row in rows]


async def due_alone(session: AsyncSession) -> set[tuple[UUID, str]]:
    rows = await session.execute(text("SELECT * FROM find_due_alone()"))
    return {(row.tenant_id, row.domain) for row in rows}


async def ended(session: AsyncSession) -> list[tuple[UUID, UUID]]:
    rows = await session.execute(text("SELECT * FROM find_ended_leases()"))
    return [(row.tenant_id, row.lease_id) for row in rows]


async def listen(session: AsyncSession, lasting: timedelta) -> None:
    await session.execute(_LISTEN, {"lasting": lasting})


def _by_rank(rows: Any) -> list[CommandRecord]:
    found: list[Row[Any]] = list(rows)
    return [record_of(row) for row in sorted(found, key=lambda row: (row.rank, row.seq))]
