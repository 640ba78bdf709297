"""The audit trail in memory: the same canonical bytes, and nothing that could change them."""

import json
import secrets
from datetime import datetime
from uuid import UUID

from adapters.memory.rows import Rows, Tick
from application.ports.records import AuditFilter, AuditRow
from domain.audit import Event, leaf_of, with_salt


class MemoryAuditTrail:
    def __init__(self, rows: Rows, tick: Tick) -> None:
        self._rows = rows
        self._tick = tick

    async def append(self, *events: Event) -> None:
        for event in events:
            canon = with_salt(event, secrets.token_bytes(16))
            row = AuditRow(event.id, self._tick(), json.loads(canon), leaf_of(canon))
            self._rows.events.append((event, row))

    async def page(self, query: AuditFilter, after: tuple[datetime, UUID] | None, limit: int) -> list[AuditRow]:
        wanted = [row for event, row in self._rows.events if _fits(event, row, query)]
        newest = sorted(wanted, key=lambda row: (row.recorded_at, row.id), reverse=True)
        return [row for row in newest if after is None or (row.recorded_at, row.id) < after][:limit]

    async def course(
        self, resource: tuple[str, str], after: tuple[datetime, UUID] | None, limit: int
    ) -> list[AuditRow]:
        of_it = [row for event, row in self._rows.events if (event.resource_type, event.resource) == resource]
        oldest = sorted(of_it, key=lambda row: (row.recorded_at, row.id))
        return [row for row in oldest if after is None or (row.recorded_at, row.id) > after][:limit]


def _fits(event: Event, row: AuditRow, query: AuditFilter) -> bool:
    pairs = (
        (query.action, event.action.value),
        (query.actor, event.actor),
        (query.resource_type, event.resource_type),
        (query.resource, event.resource),
        (query.change, event.change),
    )
    if any(wanted is not None and wanted != found for wanted, found in pairs):
        return False
    return (query.since is None or row.recorded_at >= query.since) and (
        query.until is None or row.recorded_at < query.until
    )
