"""What was uploaded, and the imports that are made of it, as the core sees them stored."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from domain.canonical import Json
from domain.environments import Environment

Place = tuple[datetime, UUID]
"""Where a page, newest first, ended."""


@dataclass(frozen=True)
class Upload:
    """`size` in bytes and `digest` are None until the last piece is there."""

    id: UUID
    owner: UUID
    created_at: datetime
    expires_at: datetime
    size: int | None = None
    digest: str | None = None


class ImportState(StrEnum):
    """`PLANNED` is the end of a dry run, `UNCHANGED` of an import of what is there already."""

    RUNNING = "RUNNING"
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    APPLIED = "APPLIED"
    UNCHANGED = "UNCHANGED"
    PLANNED = "PLANNED"
    REJECTED = "REJECTED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def ended(self) -> bool:
        return self not in {ImportState.RUNNING, ImportState.AWAITING_APPROVAL}


@dataclass(frozen=True)
class ImportRecord:
    """One import of an upload; `outcome` is what was found, or the refusal with its faults.

    `change` is what was submitted where policy asks for approval.
    """

    id: UUID
    upload: UUID
    environment: Environment
    requester: UUID
    options: Json
    reason: str
    state: ImportState
    created_at: datetime
    change: UUID | None = None
    outcome: Json = None
    started: bool = False
    ended_at: datetime | None = None

    @property
    def workflow_id(self) -> str:
        return f"import/{self.id}"


@dataclass(frozen=True)
class Progress:
    """`done` of `total` items of the phase."""

    phase: str
    done: int = 0
    total: int = 0


class Uploads(Protocol):
    """Bytes that wait to be imported, in pieces."""

    async def open(self, upload: Upload) -> None: ...
    async def add(self, upload: UUID, number: int, piece: bytes) -> None: ...
    async def close(self, upload: UUID, size: int, digest: str, expires_at: datetime) -> None: ...
    async def get(self, upload: UUID) -> Upload | None: ...
    async def keep(self, upload: UUID, until: datetime) -> None:
        """At least until then."""
        ...

    def pieces(self, upload: UUID) -> AsyncIterator[bytes]: ...
    async def all(self) -> list[Upload]: ...
    async def drop(self, upload: UUID) -> None: ...
    async def drop_expired(self, at: datetime) -> None:
        """But for what an import that has not ended still needs."""
        ...


class Imports(Protocol):
    """Imports and how far they are; one that has ended does not change."""

    async def add(self, record: ImportRecord) -> bool:
        """False when one with this id is there already."""
        ...

    async def get(self, record: UUID, *, lock: bool = False) -> ImportRecord | None: ...
    async def page(self, before: Place | None, limit: int) -> list[ImportRecord]: ...
    async def save(self, record: ImportRecord) -> None:
        """State, change, outcome and end."""
        ...

    async def mark_started(self, record: UUID) -> None: ...
    async def report(self, record: UUID, progress: Progress) -> None: ...
    async def progress(self, record: UUID) -> Progress | None: ...
