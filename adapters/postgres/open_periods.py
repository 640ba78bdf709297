"""Closes and reopenings that are open, of every tenant, by what their processes are called."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from application.ports.records import WaitingKind
from application.ports.recovery import OpenPeriod
from domain.closures.run import workflow_id_of
from domain.closures.windows import reopening_workflow_id


async def found(session: AsyncSession) -> list[OpenPeriod]:
    closures = [
        OpenPeriod(WaitingKind.CLOSURE, row.tenant_id, row.id, workflow_id_of(row.tenant_id, row.entity, row.period))
        for row in await session.execute(text("SELECT * FROM find_open_closures()"))
    ]
    return closures + [
        OpenPeriod(WaitingKind.REOPENING, row.tenant_id, row.id, reopening_workflow_id(row.tenant_id, row.id))
        for row in await session.execute(text("SELECT * FROM find_open_reopenings()"))
    ]
