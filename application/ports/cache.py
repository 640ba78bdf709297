"""A second-level cache that processes share; losing it, or all that is in it, costs time and nothing else."""

from collections.abc import Collection, Mapping
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


class SettingCache(Protocol):
    """What an environment says of each key, as of an epoch, for a time; the name "" is of what moved in it.

    Nothing here is binding, and no method raises for a cache that does not answer.
    """

    async def get(self, tenant: UUID, environment: Environment, names: Collection[str]) -> dict[str, bytes]:
        """Of those that are there and whole."""
        ...

    async def put(self, tenant: UUID, environment: Environment, epoch: int, contents: Mapping[str, bytes]) -> bool:
        """Where there is a content of this epoch or a later one, it stays. False where it does not answer."""
        ...

    async def turn(self, tenant: UUID, environment: Environment) -> bool:
        """True to the first who asks in a while: that one fills the cache for all."""
        ...

    async def asked(self, tenant: UUID, environment: Environment) -> None:
        """Somebody asks for this environment these days."""
        ...

    async def places(self, limit: int) -> list[tuple[UUID, Environment]]:
        """For which somebody asked, the latest first."""
        ...
