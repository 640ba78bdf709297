"""Closes and reopenings of one tenant that were started and are not over."""

from collections.abc import Iterator
from uuid import UUID

from adapters.memory.rows import Rows
from application.ports.records import WaitingKind
from application.ports.recovery import OpenPeriod


def open_in(tenant: UUID, rows: Rows) -> Iterator[OpenPeriod]:
    for run in rows.closures.values():
        if run.id in rows.closures_started and not run.over:
            yield OpenPeriod(WaitingKind.CLOSURE, tenant, run.id, run.workflow_id)
    for reopening in rows.reopenings.values():
        if reopening.id in rows.reopenings_started and not reopening.over:
            yield OpenPeriod(WaitingKind.REOPENING, tenant, reopening.id, reopening.workflow_id)
