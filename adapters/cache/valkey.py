"""Flag sets in Valkey, each behind the checksum of its bytes; whatever goes wrong is a miss."""

import hashlib
from datetime import timedelta
from uuid import UUID

from adapters.cache.guard import Guard
from domain.environments import Environment

_KEPT = timedelta(hours=1)
_DIGEST_BYTES = 32


class ValkeySnapshots:
    """Answers `application.ports.cache.SnapshotCache`; a value is SHA-256 of the content, then the content."""

    def __init__(self, url: str) -> None:
        self._guard = Guard(url, patience=_PATIENCE)

    async def get(self, tenant: UUID, environment: Environment, revision: int) -> bytes | None:
        kept = await self._guard.ask(lambda redis: redis.get(_key(tenant, environment, revision)))
        if not isinstance(kept, bytes):
            return None
        digest, content = kept[:_DIGEST_BYTES], kept[_DIGEST_BYTES:]
        return content if hashlib.sha256(content).digest() == digest else None

    async def put(self, tenant: UUID, environment: Environment, revision: int, content: bytes) -> None:
        key, value = _key(tenant, environment, revision), hashlib.sha256(content).digest() + content
        await self._guard.ask(lambda redis: redis.set(key, value, ex=_KEPT))

    async def aclose(self) -> None:
        await self._guard.aclose()


_PATIENCE = 0.25
"""A flag set is large."""


def _key(tenant: UUID, environment: Environment, revision: int) -> str:
    return f"changegate:flags:{tenant}:{environment.value}:{revision}"
