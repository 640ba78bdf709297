"""The audit trail on the wire."""

from datetime import datetime
from uuid import UUID

from api.schemas.common import Out
from application.ports.records import AuditRow
from domain.canonical import Json


class AuditOut(Out):
    """`leaf` is the SHA-256 of 0x00 and the event's canonical bytes, in hex."""

    id: UUID
    recorded_at: datetime
    occurred_at: datetime
    action: str
    outcome: str
    actor: UUID | None
    actor_type: str
    resource_type: str
    resource: str
    reason: str | None
    before: Json
    after: Json
    change: UUID | None
    workflow_id: str | None
    run_id: str | None
    trace_id: str | None
    source_ip: str | None
    leaf: str

    @classmethod
    def of(cls, row: AuditRow) -> "AuditOut":
        told = {name: row.event.get(name) for name in COLUMNS if name not in {"id", "recorded_at", "leaf"}}
        return cls(id=row.id, recorded_at=row.recorded_at, leaf=row.leaf.hex(), **told)


COLUMNS = tuple(AuditOut.model_fields)
"""The order of the columns of an export, which never changes; new ones are added at the end."""


class AuditPage(Out):
    items: list[AuditOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[AuditRow], str | None]) -> "AuditPage":
        return cls(items=[AuditOut.of(row) for row in page[0]], next_cursor=page[1])
