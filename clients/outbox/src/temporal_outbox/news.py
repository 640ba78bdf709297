"""Word of what is added, over a connection that listens; where the driver is not asyncpg there is none."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from temporal_outbox.relay import News
from temporal_outbox.table import Outbox


def news(engine: AsyncEngine, outbox: Outbox) -> News | None:
    """It takes a connection of the engine for itself. PgBouncer must not pool its transactions."""
    if engine.dialect.driver != "asyncpg":
        return None

    async def heard() -> AsyncIterator[None]:
        """Also once it listens: what was told before, nobody heard."""
        word, lost = asyncio.Event(), asyncio.Event()

        def told(_connection: object, _pid: int, _channel: str, namespace: object) -> None:
            if namespace == outbox.namespace:
                word.set()

        def ended(_connection: object) -> None:
            lost.set()
            word.set()

        async with engine.connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            driver.add_termination_listener(ended)
            try:
                await driver.add_listener(outbox.table, told)
                while not lost.is_set():
                    yield
                    await word.wait()
                    word.clear()
                raise ConnectionError("the connection that listened is gone")
            finally:
                driver.remove_termination_listener(ended)
                await connection.invalidate()

    return heard
