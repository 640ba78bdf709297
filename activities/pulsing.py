"""Whoever works long in one piece is heard of all the while, or else somebody else would be asked to do the same."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from temporalio import activity

SECONDS = 2.0


@asynccontextmanager
async def pulse() -> AsyncIterator[None]:
    """A heartbeat at once and every two seconds, as long as this lasts."""
    beating = asyncio.create_task(_beat())
    try:
        yield
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating


async def _beat() -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(SECONDS)
