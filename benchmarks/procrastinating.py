"""Procrastinate's own worker on the same PostgreSQL, with a job that does what the benchmark's command does.

The worker process is told by `PEER_DATABASE_URL` where it works, and imports `app` from here.
"""

import asyncio
import os
import sys
from importlib import import_module
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from benchmarks.house import House

ENOUGH: Final = 1500
"""Jobs for each second: more than are done in it."""
WARM: Final = 3
_TOGETHER: Final = 1000
_NOTHING: Final = text("SELECT 1")
_DONE: Final = (
    "SELECT count(*) AS done FROM procrastinate_events WHERE type = 'succeeded'"
    " GROUP BY date_trunc('second', at) ORDER BY date_trunc('second', at)"
)


def _app() -> Any:
    """Where it is installed, and a database is named."""
    procrastinate = import_module("procrastinate")
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=os.environ["PEER_DATABASE_URL"]))
    engines: list[AsyncEngine] = []

    async def write() -> None:
        if not engines:
            url = os.environ["PEER_DATABASE_URL"].replace("postgresql:", "postgresql+asyncpg:", 1)
            engines.append(create_async_engine(url, pool_size=10, max_overflow=10))
        async with engines[0].begin() as connection:
            await connection.execute(_NOTHING)

    app.task(name="write")(write)
    return app


app = _app() if "PEER_DATABASE_URL" in os.environ else None


async def jobs_done(home: House, seconds: int, workers: int) -> list[int]:
    """In each second."""
    superuser = home.stack.endpoints.database_superuser_url
    line = await asyncpg.connect(superuser)
    await line.execute("CREATE DATABASE peer")
    await line.close()
    os.environ["PEER_DATABASE_URL"] = urlunsplit(urlsplit(superuser)._replace(path="/peer"))
    peer = _app()
    async with peer.open_async():
        await peer.schema_manager.apply_schema_async()
        for _ in range(seconds * ENOUGH // _TOGETHER):
            await peer.tasks["write"].batch_defer_async(*({} for _ in range(_TOGETHER)))
    command = [sys.executable, "-m", "procrastinate", "--app=benchmarks.procrastinating.app", "worker"]
    command += ["--concurrency", "20"]
    children = [
        await home.stack.spawn(f"peer-{number}", command, {"PEER_DATABASE_URL": os.environ["PEER_DATABASE_URL"]})
        for number in range(workers)
    ]
    await asyncio.sleep(seconds + WARM)
    for child in children:
        await child.stop()
    line = await asyncpg.connect(os.environ["PEER_DATABASE_URL"])
    done = [row["done"] for row in await line.fetch(_DONE)]
    await line.close()
    return done[WARM:-1]
