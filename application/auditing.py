"""Reading the audit trail is itself an event in it."""

from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from application.ports.records import AuditFilter, AuditRow
from application.ports.store import Store
from application.recording import record
from domain.audit import Action
from domain.people import Actor, Permission

_BATCH = 500


class Auditing:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(
        self, actor: Actor, wanted: AuditFilter, after: tuple[datetime, UUID] | None, limit: int
    ) -> list[AuditRow]:
        """Newest first."""
        actor.require(Permission.AUDIT_READ)
        async with self._store.transaction(actor.tenant) as tx:
            rows = await tx.audit.page(wanted, after, limit)
            await record(tx, Action.AUDIT_READ, ("audit", "trail"), actor=actor, after=_said(wanted))
            return rows

    async def export(self, actor: Actor, wanted: AuditFilter, form: str) -> AsyncIterator[AuditRow]:
        """Every row that stood when the export began, newest first; the export is recorded before the first row."""
        actor.require(Permission.AUDIT_EXPORT)
        async with self._store.transaction(actor.tenant) as tx:
            await record(tx, Action.AUDIT_EXPORTED, ("audit", "trail"), actor=actor,
                         after={**_said(wanted), "format": form})  # fmt: skip
            until = wanted.until or tx.now
        return self._rows(actor, AuditFilter(**{**asdict(wanted), "until": until}))

    async def _rows(self, actor: Actor, wanted: AuditFilter) -> AsyncIterator[AuditRow]:
        after: tuple[datetime, UUID] | None = None
        while True:
            async with self._store.transaction(actor.tenant) as tx:
                rows = await tx.audit.page(wanted, after, _BATCH)
            for row in rows:
                yield row
            if len(rows) < _BATCH:
                return
            after = (rows[-1].recorded_at, rows[-1].id)


def _said(wanted: AuditFilter) -> dict[str, str]:
    return {name: str(value) for name, value in asdict(wanted).items() if value is not None}
