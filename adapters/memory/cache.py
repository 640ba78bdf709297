"""Flag sets in this process's memory, or nowhere."""

from uuid import UUID

from domain.environments import Environment

Key = tuple[UUID, Environment, int]


class MemorySnapshots:
    """Answers `application.ports.cache.SnapshotCache`; `away` makes it behave like a cache that does not answer."""

    def __init__(self) -> None:
        self.kept: dict[Key, bytes] = {}
        self.away = False

    async def get(self, tenant: UUID, environment: Environment, revision: int) -> bytes | None:
        return None if self.away else self.kept.get((tenant, environment, revision))

    async def put(self, tenant: UUID, environment: Environment, revision: int, content: bytes) -> None:
        if not self.away:
            self.kept[tenant, environment, revision] = content


class NoSnapshots:
    """Where no cache is configured, nothing is kept."""

    async def get(self, tenant: UUID, environment: Environment, revision: int) -> bytes | None:  # noqa: ARG002
        return None

    async def put(self, tenant: UUID, environment: Environment, revision: int, content: bytes) -> None: ...
