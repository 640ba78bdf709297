"""A module with a login of its own that sends commands to a fresh tenant, and what came of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from changegate.bus import Command, Sent, send_async
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from adapters.postgres.engine import connect
from adapters.postgres.schema import create_login
from application.commands.cases import CommandCases
from application.ports.commands import CommandFilter
from domain.commands import CommandRecord
from tests.contract.homes import Home
from tests.contract.ordering import POST

JOURNAL = Command(POST, "42", {"entry": 7, "lines": [{"amount": "1.50 é\n\t\x1f\u2028"}]})


@asynccontextmanager
async def module_login(owner: str, login: str, *more: str) -> AsyncIterator[AsyncEngine]:
    """The engine of a module: its login may send, and use what `more` statements make for it."""
    await create_login(owner, login, "secret")
    line = await asyncpg.connect(owner)
    try:
        for statement in (f"REVOKE changegate_app FROM {login}", f"GRANT changegate_sender TO {login}", *more):
            await line.execute(statement)
    finally:
        await line.close()
    place = urlsplit(owner).netloc.rpartition("@")[2]
    engine = connect(f"postgresql://{login}:secret@{place}/postgres")
    yield engine
    await engine.dispose()


def as_of(home: Home) -> dict[str, Any]:
    return {"tenant": home.tenant.id, "actor": home.ada.id}


async def by_session(engine: AsyncEngine, home: Home, command: Command) -> Sent:
    async with AsyncSession(engine) as session, session.begin():
        return await send_async(session, command, **as_of(home))


async def found(home: Home) -> list[CommandRecord]:
    store: Any = home.store
    return await CommandCases.over(store).looking.page(home.ada.actor, CommandFilter(), None, 99)


async def events(home: Home, id: str = "42") -> list[dict[str, Any]]:  # noqa: A002 -- the command's
    store: Any = home.store
    rows = await CommandCases.over(store).looking.trail(home.ada.actor, ("ledger", id), None, 99)
    return [each.event for each in rows]
