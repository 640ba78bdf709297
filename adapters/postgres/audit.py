"""The audit trail: the canonical bytes are the record, the columns are copies for searching."""

import secrets
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Select, Text, bindparam, cast, func, insert, select, text, tuple_
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.later import Later
from adapters.postgres.tables import audit_event
from application.ports.records import AuditFilter, AuditRow
from domain.audit import Action, Event, leaf_of, with_salt

_NAMES = [each.name for each in audit_event.c if each.name != "recorded_at"]
_ROW = {name: bindparam(name, type_=audit_event.c[name].type) for name in _NAMES}
_BOUND = func.set_config("app.tenant_id", cast(_ROW["tenant_id"], Text), True).is_not(None)
_AS_ITS_OWN = insert(audit_event).from_select(_NAMES, select(*_ROW.values()).where(_BOUND))
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy does not type it
_LISTS = ", ".join(f"CAST(:{name} AS {audit_event.c[name].type.compile(_DIALECT)}[])" for name in _NAMES)
_MANY = text(f"INSERT INTO audit_event ({', '.join(_NAMES)}) SELECT * FROM unnest({_LISTS})")  # noqa: S608 -- our names
"""Half the work of as many inserts, one after the other."""
_ACCESS = {Action.AUDIT_READ, Action.AUDIT_EXPORTED, Action.ACCESS_DENIED}


class PostgresAuditTrail:
    def __init__(self, session: AsyncSession, tenant: UUID, later: Later | None = None) -> None:
        self._session = session
        self._tenant = tenant
        self._later = later

    async def append(self, *events: Event) -> None:
        if not events:
            return
        rows = [self._row(event) for event in events]
        if self._later is not None:
            self._later.add(_AS_ITS_OWN, rows)
        else:
            await self._session.execute(_MANY, {name: [row[name] for row in rows] for name in _NAMES})

    def _row(self, event: Event) -> dict[str, Any]:
        canon = with_salt(event, secrets.token_bytes(16))
        return {
            "event_id": event.id,
            "tenant_id": self._tenant,
            "class": "access" if event.action in _ACCESS else "compliance",
            "occurred_at": event.occurred_at,
            "actor_type": event.actor_type,
            "actor": event.actor,
            "action": event.action.value,
            "resource_type": event.resource_type,
            "resource": event.resource,
            "outcome": event.outcome.value,
            "change_id": event.change,
            "workflow_id": event.workflow_id,
            "run_id": event.run_id,
            "trace_id": event.trace_id,
            "canon": canon,
            "leaf": leaf_of(canon),
        }

    async def page(self, query: AuditFilter, after: tuple[datetime, UUID] | None, limit: int) -> list[AuditRow]:
        a = audit_event.c
        newest = _narrowed(select(a.event_id, a.recorded_at, a.canon, a.leaf), query)
        if after is not None:
            newest = newest.where(tuple_(a.recorded_at, a.event_id) < tuple_(*after))
        rows = await self._session.execute(newest.order_by(a.recorded_at.desc(), a.event_id.desc()).limit(limit))
        return [AuditRow(row.event_id, row.recorded_at, orjson.loads(row.canon), row.leaf) for row in rows]

    async def course(
        self, resource: tuple[str, str], after: tuple[datetime, UUID] | None, limit: int
    ) -> list[AuditRow]:
        a = audit_event.c
        query = select(a.event_id, a.recorded_at, a.canon, a.leaf)
        oldest = query.where(a.resource_type == resource[0], a.resource == resource[1])
        if after is not None:
            oldest = oldest.where(tuple_(a.recorded_at, a.event_id) > tuple_(*after))
        rows = await self._session.execute(oldest.order_by(a.recorded_at, a.event_id).limit(limit))
        return [AuditRow(row.event_id, row.recorded_at, orjson.loads(row.canon), row.leaf) for row in rows]


def _narrowed(query: Select[Any], wanted: AuditFilter) -> Select[Any]:
    a = audit_event.c
    equal = {
        a.action: wanted.action,
        a.actor: wanted.actor,
        a.resource_type: wanted.resource_type,
        a.resource: wanted.resource,
        a.change_id: wanted.change,
    }
    for column, value in equal.items():
        if value is not None:
            query = query.where(column == value)
    if wanted.since is not None:
        query = query.where(a.recorded_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(a.recorded_at < wanted.until)
    return query
