"""Events are numbered after the commit of their change, one numbering at a time for each tenant."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.later import Later
from adapters.postgres.tables_events import event, event_line
from application.ports.events import Line
from domain.environments import Environment
from domain.events import Event, EventType, Subject

_NAMES = ("ids", "types", "environments", "keys", "scopes", "versions", "ats", "actors", "changes", "facts")
_WRITTEN = text(
    "INSERT INTO event (tenant_id, event_id, type, environment, key, scope, version, at, actor, change, facts)"
    " SELECT CAST(:tenant AS uuid), u.id, u.type, CAST(u.environment AS environment), u.key, u.scope, u.version, u.at,"
    " u.actor, u.change, CAST(u.facts AS jsonb)"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:types AS text[]), CAST(:environments AS text[]), CAST(:keys AS text[]),"
    " CAST(:scopes AS text[]), CAST(:versions AS bigint[]), CAST(:ats AS timestamptz[]), CAST(:actors AS uuid[]),"
    " CAST(:changes AS uuid[]), CAST(:facts AS text[])) WITH ORDINALITY"
    " AS u (id, type, environment, key, scope, version, at, actor, change, facts, place)"
    " WHERE set_config('app.tenant_id', CAST(CAST(:tenant AS uuid) AS text), true) IS NOT NULL ORDER BY u.place"
)
_BEGUN = text("INSERT INTO event_line (tenant_id) VALUES (:tenant) ON CONFLICT DO NOTHING")
_NUMBERED = text(
    "WITH given_up AS (DELETE FROM event AS e"
    "  WHERE e.position IS NULL AND e.at <= statement_timestamp() AND e.at > e.written_at"
    "  AND NOT EXISTS (SELECT FROM setting_entry AS s"
    "   WHERE s.environment = e.environment AND s.key = e.key AND s.scope = e.scope AND NOT isempty(s.valid)"
    "   AND (lower(s.valid) = e.at OR upper(s.valid) = e.at)) RETURNING e.event_id),"
    " due AS (SELECT event_id, row_number() OVER (ORDER BY greatest(at, written_at), seq) AS place FROM event"
    "  WHERE position IS NULL AND at <= statement_timestamp() AND event_id NOT IN (SELECT event_id FROM given_up)"
    "  ORDER BY greatest(at, written_at), seq LIMIT :most),"
    " moved AS (UPDATE event_line SET position = position + (SELECT count(*) FROM due) WHERE EXISTS (SELECT FROM due))"
    " UPDATE event AS e SET position = :base + due.place, told_at = statement_timestamp(), epoch ="
    "  CASE WHEN e.type LIKE 'FeatureFlag%' THEN"
    "   (SELECT f.revision FROM flag_set AS f WHERE f.tenant_id = e.tenant_id AND f.environment = e.environment)"
    "  ELSE (SELECT s.epoch FROM setting_space AS s WHERE s.tenant_id = e.tenant_id AND s.environment = e.environment)"
    "  END FROM due WHERE e.event_id = due.event_id RETURNING e.*"
)
"""In one statement, because somebody waits. A plan was given up when nothing begins or ends at its instant any more."""
_FORGOTTEN = text(
    "DELETE FROM event WHERE event_id IN (SELECT event_id FROM event"
    "  WHERE position IS NOT NULL AND told_at < now() - CAST(:keep AS interval) ORDER BY position LIMIT 10000)"
    " RETURNING position"
)
_SETTLED = text(
    "DELETE FROM webhook_delivery WHERE delivery_id IN (SELECT delivery_id FROM webhook_delivery WHERE state <> 'due'"
    "  AND settled_at < now() - greatest(CAST(:keep AS interval), interval '30 days') LIMIT 10000)"
)


class PostgresEvents:
    def __init__(self, session: AsyncSession, tenant: UUID, later: Later | None = None) -> None:
        self._session = session
        self._tenant = tenant
        self._later = later

    async def add(self, *events: Event) -> None:
        if not events:
            return
        columns = zip(*map(_columns, events), strict=True)
        rows = {"tenant": self._tenant, **{name: list(each) for name, each in zip(_NAMES, columns, strict=True)}}
        if self._later is not None:
            self._later.add(_WRITTEN, [rows])
        else:
            await self._session.execute(_WRITTEN, rows)

    async def number(self, limit: int) -> list[Event]:
        base = await self._hold_line()
        # The statement sees all that is committed when it begins: what comes later gets a greater position later.
        found = await self._session.execute(_NUMBERED, {"base": base, "most": limit})
        return sorted((_event(row) for row in found), key=lambda each: each.position or 0)

    async def _hold_line(self) -> int:
        held = select(event_line.c.position).with_for_update()
        position = await self._session.scalar(held)
        if position is None:
            await self._session.execute(_BEGUN, {"tenant": self._tenant})
            position = await self._session.scalar(held)
        return int(position or 0)

    async def line(self) -> Line:
        row = (await self._session.execute(select(event_line))).one_or_none()
        return Line(row.position, row.forgotten) if row else Line()

    async def after(self, position: int, limit: int) -> list[Event]:
        query = select(event).where(event.c.position > position).order_by(event.c.position).limit(limit)
        return [_event(row) for row in await self._session.execute(query)]

    async def forget(self, keep: timedelta) -> int:
        await self._hold_line()
        gone = [row.position for row in await self._session.execute(_FORGOTTEN, {"keep": keep})]
        if gone:
            highest = func.greatest(event_line.c.forgotten, max(gone))
            await self._session.execute(update(event_line).values(forgotten=highest))
        await self._session.execute(_SETTLED, {"keep": keep})
        return len(gone)


def _columns(event: Event) -> tuple[Any, ...]:
    subject, environment = event.subject, event.environment.value if event.environment else None
    return (
        event.id, event.type.value, environment, subject.key, subject.scope, subject.version, event.at, event.actor,
        event.change, None if event.facts is None else orjson.dumps(event.facts).decode(),
    )  # fmt: skip


def _event(row: Any) -> Event:
    return Event(
        id=row.event_id,
        type=EventType(row.type),
        tenant=row.tenant_id,
        environment=None if row.environment is None else Environment(row.environment),
        subject=Subject(row.key, row.scope, row.version),
        at=row.at,
        actor=row.actor,
        change=row.change,
        position=row.position,
        epoch=row.epoch,
        facts=row.facts,
    )
