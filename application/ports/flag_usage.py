"""What is known of the use of flags: how often each was evaluated, and which sources name it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.environments import Environment
from domain.flags.lifecycle import Given, Heard
from domain.flags.references import Reference


@dataclass(frozen=True)
class Counted:
    """Evaluations of one flag that gave the same; the variant is empty where the code's own default held."""

    environment: Environment
    key: str
    variant: str
    reason: str
    at: datetime
    times: int


@dataclass(frozen=True)
class Times:
    variant: str
    reason: str
    times: int


@dataclass(frozen=True)
class StoredScan:
    """Sources that were searched for every key that the environment had then."""

    environment: Environment
    repository: str
    revision: str | None
    scanned_at: datetime
    scanned_by: UUID


class FlagUsage(Protocol):
    """Counts by the hour, and of each variant when it was given first and last."""

    async def add(self, counted: Sequence[Counted]) -> None:
        """On top of what was counted; of a key that no flag has nothing is kept."""
        ...

    async def times(self, environment: Environment, key: str, since: datetime) -> list[Times]:
        """In the hours from that of `since` on, by variant and reason."""
        ...

    async def given(self, environment: Environment, keys: Sequence[str]) -> dict[str, list[Given]]:
        """By variant, to the minute."""
        ...

    async def heard(self, environment: Environment) -> Heard | None: ...
    async def forget(self, before: datetime) -> None:
        """The hours before; when variants were given stays known."""
        ...


class FlagReferences(Protocol):
    """Where sources name flags, as each repository reported it last."""

    async def put(self, scan: StoredScan, found: Sequence[Reference]) -> None:
        """In place of everything that the repository reported before."""
        ...

    async def scan(self, environment: Environment, repository: str) -> StoredScan | None: ...
    async def scans(self, environment: Environment) -> list[StoredScan]: ...
    async def places(self, environment: Environment, keys: Sequence[str]) -> dict[tuple[str, str], int]:
        """How many lines name a key, by key and repository, where any does."""
        ...

    async def page(
        self, environment: Environment, key: str, after: tuple[str, str], limit: int
    ) -> list[tuple[str, Reference]]:
        """By repository and path."""
        ...
