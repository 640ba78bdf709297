"""Commands of one tenant that wait for a person, and what people decided about them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias
from uuid import UUID

from domain.commands import Key, ParkedKind
from domain.commands.operations import Cause, Operation, Parked

ParkedMark: TypeAlias = tuple[datetime, str, str]
"""Where a page, newest first, ended: since when its last one is parked, its domain and its id."""
CauseMark: TypeAlias = tuple[int, str]
"""Where a page of causes, largest first, ended: the count and the fingerprint of its last one."""


@dataclass(frozen=True)
class ParkedFilter:
    """Everything unless said; `snoozed`: those that sleep now, or those that do not. `cause` is a fingerprint."""

    domain: str | None = None
    type: str | None = None
    kind: ParkedKind | None = None
    cause: str | None = None
    assignee: UUID | None = None
    snoozed: bool | None = None


class ParkedCommands(Protocol):
    """Beside `Commands`, which moves them."""

    async def get(self, key: Key) -> Parked | None: ...
    async def page(self, wanted: ParkedFilter, before: ParkedMark | None, limit: int) -> list[Parked]:
        """Those last that have been parked for longest."""
        ...

    async def causes(self, wanted: ParkedFilter, before: CauseMark | None, limit: int) -> list[Cause]:
        """Those first of which most are parked."""
        ...

    async def note(self, parked: Parked) -> int:
        """Who looks at it and until when it sleeps; gives its new version. Stale when it moved meanwhile."""
        ...

    async def operation(self, id_: UUID) -> Operation | None: ...
    async def operations(self, key: Key) -> list[Operation]:
        """In the order in which they were made."""
        ...

    async def add_operation(self, operation: Operation) -> bool:
        """False when there is one with its id."""
        ...

    async def add_operations(self, operations: Sequence[Operation]) -> None:
        """Many at once, none of which is there."""
        ...
