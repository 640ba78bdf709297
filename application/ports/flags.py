"""Definitions of flags, as they are stored."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from application.ports.records import FlagSetRecord, StoredFlag
from domain.canonical import Json
from domain.environments import Environment


class Flags(Protocol):
    """Definitions and every version that they ever had."""

    async def get(self, environment: Environment, key: str, *, lock: bool = False) -> StoredFlag | None: ...
    async def page(self, environment: Environment, after: str, limit: int) -> list[StoredFlag]: ...
    async def version(self, environment: Environment, key: str, version: int) -> Json | None: ...
    async def versions(self, environment: Environment, key: str, before: int, limit: int) -> list[StoredFlag]: ...
    async def asked(self, request: UUID) -> StoredFlag | None:
        """The version that this request wrote, however many were written since."""
        ...

    async def made(self, environment: Environment, keys: Sequence[str]) -> dict[str, datetime]:
        """When the first version of each was written."""
        ...

    async def put(self, flag: StoredFlag, *, expected: int) -> int:
        """Write version `flag.version` over `expected`, and tell the set's revision then; StaleGeneration."""
        ...

    async def flag_set(self, environment: Environment) -> FlagSetRecord:
        """What is served: flags that are archived are left out."""
        ...

    async def linked(self, environment: Environment, keys: Collection[str]) -> FlagSetRecord:
        """What is served, but of the flags only these, and all that need others or say that they conflict."""
        ...

    async def revision(self, environment: Environment) -> int: ...
