"""reliable-cmd's own worker on the same PostgreSQL, with a handler that does what the benchmark's command does.

It stands on PGMQ, whose statements are run as they are published, without an extension. The worker process is told by
`PEER_DATABASE_URL` where it works.
"""

import asyncio
import os
import signal
import sys
from importlib import import_module
from importlib.resources import files
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.house import House

ENOUGH: Final = 1500
"""Commands for each second: more than are done in it."""
WARM: Final = 3
AT_ONCE: Final = 20
_EXTENSION: Final = "CREATE EXTENSION IF NOT EXISTS pgmq;"
# It takes columns by their places, among which newer versions of PGMQ have another.
_AS_BEFORE: Final = """
    ALTER FUNCTION pgmq.read(text, integer, integer, jsonb) RENAME TO read_now;
    CREATE FUNCTION pgmq.read(queue_name text, vt integer, qty integer)
    RETURNS TABLE (msg_id bigint, read_ct integer, enqueued_at timestamptz, vt_until timestamptz, message jsonb)
    LANGUAGE sql AS 'SELECT msg_id, read_ct, enqueued_at, r.vt, message FROM pgmq.read_now($1, $2, $3) r'
"""
_NOTHING: Final = text("SELECT 1")
_DONE: Final = (
    "SELECT count(*) AS done FROM commandbus.audit WHERE event_type = 'COMPLETED'"
    " GROUP BY date_trunc('second', ts) ORDER BY date_trunc('second', ts)"
)


async def commands_done(home: House, seconds: int, workers: int) -> list[int]:
    """In each second."""
    superuser = home.stack.endpoints.database_superuser_url
    line = await asyncpg.connect(superuser)
    await line.execute("CREATE DATABASE reliable")
    await line.close()
    url = urlunsplit(urlsplit(superuser)._replace(path="/reliable"))
    await _sent(url, seconds * ENOUGH)
    command = [sys.executable, "-m", "benchmarks.reliable"]
    children = [
        await home.stack.spawn(f"reliable-{number}", command, {"PEER_DATABASE_URL": url}) for number in range(workers)
    ]
    await asyncio.sleep(seconds + WARM)
    for child in children:
        await child.stop()
    line = await asyncpg.connect(url)
    done = [row["done"] for row in await line.fetch(_DONE)]
    await line.close()
    return done[WARM:-1]


async def _sent(url: str, many: int) -> None:
    bus, pgmq = import_module("commandbus"), import_module("pgmq")
    line = await asyncpg.connect(url)
    await line.execute(pgmq.get_embedded_install_sql())
    await line.execute(_AS_BEFORE)
    for each in sorted(files("commandbus.migrations").iterdir(), key=lambda each: each.name):
        if each.name.endswith(".sql"):
            await line.execute(each.read_text().replace(_EXTENSION, ""))
    await line.execute("SELECT pgmq.create('bench__commands')")
    await line.close()
    async with _pool(url) as pool:
        wishes = [
            bus.SendRequest(domain="bench", command_type="Write", command_id=uuid4(), data={}) for _ in range(many)
        ]
        await bus.CommandBus(pool).send_batch(wishes)


def _pool(url: str) -> Any:
    return import_module("psycopg_pool").AsyncConnectionPool(url, min_size=2, max_size=AT_ONCE + 5, open=False)


async def _work() -> None:
    bus, url = import_module("commandbus"), os.environ["PEER_DATABASE_URL"]
    engine = create_async_engine(url.replace("postgresql:", "postgresql+asyncpg:", 1), pool_size=10, max_overflow=10)
    registry = bus.HandlerRegistry()

    async def write(command: object, context: object) -> None:
        del command, context
        async with engine.begin() as connection:
            await connection.execute(_NOTHING)

    registry.register("bench", "Write", write)
    async with _pool(url) as pool:
        working = asyncio.create_task(bus.Worker(pool, domain="bench", registry=registry).run(concurrency=AT_ONCE))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, working.cancel)
        await asyncio.gather(working, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(_work())
