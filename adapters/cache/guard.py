"""A cache that does not answer is left alone until it does, and costs whoever would have asked it nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

PATIENCE = 0.1
"""Seconds for one answer, all that it needs included."""
_FIRST, _LONGEST = 0.1, 2.0
_CONNECTIONS = 16

log = structlog.get_logger()
T = TypeVar("T")


class Guard:
    """After the first failure nothing is asked, but whether it answers again."""

    def __init__(self, url: str, patience: float = PATIENCE) -> None:
        pool = BlockingConnectionPool.from_url(url, max_connections=_CONNECTIONS, retry=Retry(NoBackoff(), 0))
        self._redis = Redis.from_pool(pool)
        self._patience = patience
        self._knocking: asyncio.Task[None] | None = None

    @property
    def away(self) -> bool:
        return self._knocking is not None

    async def ask(self, question: Callable[[Redis], Awaitable[T]]) -> T | None:
        """None while it is away."""
        if self.away:
            return None
        try:
            async with asyncio.timeout(self._patience):
                return await question(self._redis)
        except (RedisError, OSError, TimeoutError) as error:
            self._leave(error)
            return None

    async def aclose(self) -> None:
        if self._knocking is not None:
            self._knocking.cancel()
        await self._redis.aclose()

    def _leave(self, error: Exception) -> None:
        if self._knocking is None:
            log.warning("cache.away", error=type(error).__name__)
            self._knocking = asyncio.create_task(self._knock())

    async def _knock(self) -> None:
        pause = _FIRST
        while True:
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST)
            try:
                async with asyncio.timeout(self._patience):
                    await self._redis.ping()
            except (RedisError, OSError, TimeoutError):
                continue
            log.info("cache.back")
            self._knocking = None
            return
