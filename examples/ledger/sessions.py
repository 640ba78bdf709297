"""A transaction of the ledger is bound to one tenant, and whoever writes in it is named."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from changegate.guard import acting
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from examples.ledger.refusals import refusals

_BIND = text("SELECT set_config('app.tenant_id', :tenant, true)")


@dataclass(frozen=True)
class Desk:
    """Whose books somebody works at."""

    tenant: UUID
    entity: str
    person: UUID


def connect(url: str) -> AsyncEngine:
    return create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"), hide_parameters=True)


@asynccontextmanager
async def work(engine: AsyncEngine, desk: Desk) -> AsyncIterator[AsyncConnection]:
    """One transaction; what is refused in it is raised in words of the guard or of the ledger."""
    with refusals():
        async with engine.begin() as connection:
            await bind(connection, desk)
            yield connection


async def bind(connection: AsyncConnection, desk: Desk) -> None:
    """Until its transaction ends."""
    await connection.execute(_BIND, {"tenant": str(desk.tenant)})
    await connection.execute(acting(desk.person))
