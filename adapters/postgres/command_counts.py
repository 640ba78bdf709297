"""Commands that are not over, counted over all tenants by a function that sees no payload."""

from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from application.ports.command_counts import CommandCount

_COUNT = text("SELECT * FROM count_commands(CAST(:domains AS text[]))")


async def counted(session: AsyncSession, domains: Collection[str]) -> list[CommandCount]:
    rows = await session.execute(_COUNT, {"domains": sorted(domains)})
    return [CommandCount(row.domain, row.states, row.leases, row.lag) for row in rows]
