"""What bundles take from the store and bring into it by the thousand, as the core sees it."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from application.ports.records import StoredFlag
from domain.canonical import Json
from domain.environments import Environment
from domain.settings import Line, Section


@dataclass(frozen=True)
class Leaving:
    """A definition of a setting or of a flag as raw JSON, or a line as it is stored."""

    section: Section
    key: str
    content: Json = None
    line: Line | None = None


@dataclass(frozen=True)
class Sync:
    """The bundle that an environment was made to agree with, as canonical bytes.

    With a `change` it counts from when the rollout of that change has succeeded.
    """

    id: UUID
    environment: Environment
    checksum: str
    content: bytes
    by: UUID
    at: datetime
    change: UUID | None = None


class Bundles(Protocol):
    """An environment as a whole."""

    def leaving(self, environment: Environment) -> AsyncIterator[Sequence[Leaving]]:
        """Everything of one instant, in the order of a bundle, a few hundred at a time."""
        ...

    async def flags(self, environment: Environment) -> dict[str, StoredFlag]:
        """All of them, with the shared rules."""
        ...

    async def held(self, environment: Environment, keys: Collection[str]) -> dict[str, UUID]:
        """The open rollout of each of these flags that has one."""
        ...

    async def put_flags(self, environment: Environment, *flags: StoredFlag) -> None:
        """Each over the version before its own, with one revision for all.

        StaleGeneration when one of them is at another.
        """
        ...

    async def sync(self, sync: Sync) -> None:
        """Remember it; of those before it only the last that counts is kept."""
        ...

    async def synced(self, environment: Environment) -> Sync | None:
        """The last one that counts."""
        ...
