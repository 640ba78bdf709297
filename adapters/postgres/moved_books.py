"""The guard leaves a mark in each transaction that posts beneath a close; marks that were seen are taken away."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from application.ports.moved_books import MovedBooks

_FOUND = text("SELECT tenant_id, id, CAST(seen AS text) AS seen FROM find_moved_books()")
_TOLD = text(
    "DELETE FROM moved_books"
    " WHERE run_id = :run AND pg_visible_in_snapshot(xid, CAST(CAST(:seen AS text) AS pg_snapshot))"
)


async def found(session: AsyncSession) -> list[MovedBooks]:
    return [MovedBooks(row.tenant_id, row.id, row.seen) for row in await session.execute(_FOUND)]


async def told(session: AsyncSession, moved: MovedBooks) -> None:
    await session.execute(_TOLD, {"run": moved.run, "seen": moved.seen})
