"""A second-level cache that processes share; losing it, or all that is in it, costs time and nothing else."""

from typing import Protocol
from uuid import UUID

from domain.environments import Environment


class SnapshotCache(Protocol):
    """Whole flag sets by revision. A revision's content never changes, so nothing here is ever invalid, only gone."""

    async def get(self, tenant: UUID, environment: Environment, revision: int) -> bytes | None:
        """None when it is not there, damaged, or the cache does not answer."""
        ...

    async def put(self, tenant: UUID, environment: Environment, revision: int, content: bytes) -> None:
        """Never raises for a cache that does not answer."""
        ...
