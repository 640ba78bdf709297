"""Flag sets in Valkey, each behind the checksum of its bytes; whatever goes wrong is a miss."""

import hashlib
from datetime import timedelta
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from domain.environments import Environment

_KEPT = timedelta(hours=1)
_DIGEST_BYTES = 32

log = structlog.get_logger()


class ValkeySnapshots:
    """Answers `application.ports.cache.SnapshotCache`; a value is SHA-256 of the content, then the content."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(url, socket_timeout=0.25, socket_connect_timeout=0.25)

    async def get(self, tenant: UUID, environment: Environment, revision: int) -> bytes | None:
        try:
            kept = await self._redis.get(_key(tenant, environment, revision))
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("cache.away", error=type(error).__name__)
            return None
        if not isinstance(kept, bytes):
            return None
        digest, content = kept[:_DIGEST_BYTES], kept[_DIGEST_BYTES:]
        return content if hashlib.sha256(content).digest() == digest else None

    async def put(self, tenant: UUID, environment: Environment, revision: int, content: bytes) -> None:
        try:
            value = hashlib.sha256(content).digest() + content
            await self._redis.set(_key(tenant, environment, revision), value, ex=_KEPT)
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("cache.away", error=type(error).__name__)

    async def aclose(self) -> None:
        await self._redis.aclose()


def _key(tenant: UUID, environment: Environment, revision: int) -> str:
    return f"changegate:flags:{tenant}:{environment.value}:{revision}"
