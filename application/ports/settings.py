"""Settings as the core sees them stored: definitions, the rulebook, and entries that hold for a time."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.canonical import Json
from domain.environments import Environment
from domain.settings import Entry

LOCKED = "lock:"
"""How the origin of an entry begins that a tenant above this one wrote; the slug of that tenant follows."""


@dataclass(frozen=True)
class StoredDefinition:
    """One version of what a key means."""

    key: str
    version: int
    definition: Json
    written_by: UUID | None
    written_at: datetime
    request: UUID | None = None


@dataclass(frozen=True)
class Rulebook:
    """Every rule over several keys, at one version; 0 is the empty one that nobody wrote."""

    version: int
    rules: Json
    written_by: UUID | None
    written_at: datetime | None
    request: UUID | None = None


@dataclass(frozen=True)
class StoredEntry:
    """What one scope of an environment says of a key; `origin` says what wrote it (`api`, `continues:3`, ...)."""

    environment: Environment
    key: str
    scope: str
    entry: Entry
    origin: str
    request: UUID | None = None


@dataclass(frozen=True)
class Picture:
    """One environment as it was committed at one instant: every definition, and each entry that holds then or will.

    `mark` stands for all that was committed by then.
    """

    at: datetime
    epoch: int
    definitions: dict[str, Json]
    entries: list[StoredEntry]
    mark: int


End = tuple[str, str, int, datetime | None]
"""A key, a scope and a version that holds until the instant only; None: never, because it has not begun."""


class Settings(Protocol):
    """Definitions, rules and values of one tenant; nothing is ever removed."""

    async def lock(self, environment: Environment) -> datetime:
        """Take the environment's turn to write; the instant is later than that of every turn before."""
        ...

    async def enter(self, environment: Environment) -> tuple[datetime, int]:
        """The turn and the new epoch at once, for whoever writes in any case."""
        ...

    async def bump(self, environment: Environment) -> int:
        """The new epoch, which every cache will hear of."""
        ...

    async def epoch(self, environment: Environment) -> int: ...
    async def picture(self, environment: Environment, keys: Collection[str] | None = None) -> Picture:
        """Of all keys or of these; never the epoch of one commit with the entries of another."""
        ...

    async def written_since(self, environment: Environment, mark: int) -> Picture:
        """What was defined, put or ended after the picture with this mark, whether or not it holds; maybe some more."""
        ...

    async def definition(self, key: str, *, lock: bool = False) -> StoredDefinition | None: ...
    async def definitions(self, after: str, limit: int) -> list[StoredDefinition]: ...
    async def definitions_of(self, keys: Collection[str]) -> dict[str, StoredDefinition]: ...
    async def definition_versions(self, key: str, before: int, limit: int) -> list[StoredDefinition]: ...
    async def put_definition(self, definition: StoredDefinition, *, expected: int) -> None:
        """StaleGeneration when the key is at another version."""
        ...

    async def defined(self, request: UUID) -> StoredDefinition | None:
        """The version that this request wrote."""
        ...

    async def rulebook(self, version: int | None = None) -> Rulebook:
        """The newest, or that of this version."""
        ...

    async def put_rulebook(self, rulebook: Rulebook) -> None:
        """AlreadyExists when somebody else wrote this version."""
        ...

    async def entries(
        self,
        environment: Environment,
        keys: Collection[str] | None,
        scopes: Collection[str] | None,
        ending_after: datetime,
    ) -> list[StoredEntry]:
        """Of these keys and scopes (None: of all), what holds or will hold at some instant after `ending_after`."""
        ...

    async def around(
        self, environment: Environment, keys: Collection[str], scopes: Collection[str], ending_after: datetime
    ) -> list[StoredEntry]:
        """The same of these scopes, of each that contains one of them, and of each within one of them.

        What stands elsewhere may be among it.
        """
        ...

    async def history(
        self, environment: Environment, key: str, scope: str, before: int, limit: int
    ) -> list[StoredEntry]:
        """Newest first, with what was cancelled before it began."""
        ...

    async def underlying(self, environment: Environment, key: str, scope: str, at: datetime) -> list[StoredEntry]:
        """What has begun by `at` and was meant to hold beyond it, even where something else took its place.

        The newest that was meant to have no end leaves out all that began before it.
        """
        ...

    async def latest(
        self, environment: Environment, keys: Collection[str], scopes: Collection[str]
    ) -> dict[tuple[str, str], int]:
        """The newest version at each (key, scope) that has any."""
        ...

    async def put(self, *entries: StoredEntry) -> None:
        """AlreadyExists where one overlaps another, or is there."""
        ...

    async def end(self, environment: Environment, *ends: End) -> None:
        """LookupError for a version that is not there."""
        ...

    async def of_change(self, change: UUID) -> list[StoredEntry]:
        """What this change wrote, going back included, in order of version at each place."""
        ...

    async def written(self, request: UUID) -> list[StoredEntry]:
        """What this request wrote."""
        ...
