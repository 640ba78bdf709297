"""What processes share, in the memory of one, or nowhere."""

from collections.abc import Collection, Mapping
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


class MemorySettingCache:
    """Answers `application.ports.cache.SettingCache`; `away` makes it behave like a cache that does not answer."""

    def __init__(self) -> None:
        self.kept: dict[tuple[UUID, Environment, str], tuple[int, bytes]] = {}
        self.away = False
        self._turns: set[tuple[UUID, Environment]] = set()
        self._places: dict[tuple[UUID, Environment], None] = {}

    async def get(self, tenant: UUID, environment: Environment, names: Collection[str]) -> dict[str, bytes]:
        found = {name: self.kept.get((tenant, environment, name)) for name in names if not self.away}
        return {name: each[1] for name, each in found.items() if each is not None}

    async def put(self, tenant: UUID, environment: Environment, epoch: int, contents: Mapping[str, bytes]) -> bool:
        for name, content in contents.items():
            present, _ = self.kept.get((tenant, environment, name), (-1, b""))
            if present < epoch and not self.away:
                self.kept[tenant, environment, name] = epoch, content
        return not self.away

    async def turn(self, tenant: UUID, environment: Environment) -> bool:
        first = (tenant, environment) not in self._turns and not self.away
        self._turns |= {(tenant, environment)} if first else set()
        return first

    async def asked(self, tenant: UUID, environment: Environment) -> None:
        if not self.away:
            self._places.pop((tenant, environment), None)
            self._places[tenant, environment] = None

    async def places(self, limit: int) -> list[tuple[UUID, Environment]]:
        return [] if self.away else list(reversed(self._places))[:limit]

    def flush(self) -> None:
        self.kept.clear()
        self._turns.clear()
        self._places.clear()
