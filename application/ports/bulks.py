"""Bulk operations on parked commands as they are stored, and where each command of one stands."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol
from uuid import UUID

from application.ports.closures import Place
from application.ports.parked import ParkedFilter
from domain.commands import CommandRecord
from domain.commands.bulk import Bulk, BulkActEntry, BulkItem, ItemOutcome
from domain.commands.bulk_gate import StageCount
from domain.commands.operations import Parked

HELD: Final = "held"


@dataclass(frozen=True)
class BulkPreview:
    """What fits now: how many, how many of each type, and the first of them in the order in which they would go."""

    total: int
    types: dict[str, int] = field(default_factory=dict)
    sample: tuple[Parked, ...] = ()


class CommandBulks(Protocol):
    """Of one tenant. What changes one holds it, from `get` with `lock` on."""

    async def preview(self, wanted: ParkedFilter, sample: int) -> BulkPreview: ...
    async def add(self, bulk: Bulk, wanted: ParkedFilter) -> Bulk:
        """With everything that fits now, the longest parked first; what is parked later is no part of it.

        TooManyParked where that is more than one may hold.
        """
        ...

    async def get(self, bulk: UUID, *, lock: bool = False) -> Bulk | None: ...
    async def page(self, before: Place | None, limit: int) -> list[Bulk]:
        """Newest first."""
        ...

    async def save(self, bulk: Bulk) -> None: ...
    async def mark_started(self, bulk: UUID, *, started: bool = True) -> None:
        """What is not started, and what has not moved for long, is found by whoever starts what waits."""
        ...

    async def take(self, bulk: UUID, most: int) -> list[tuple[BulkItem, CommandRecord]]:
        """The next that were not touched, with their commands, which nobody else moves until the transaction ends.

        `why` says HELD of those about which another decision waits for somebody's yes.
        """
        ...

    async def touch(self, bulk: UUID, items: Sequence[BulkItem]) -> None:
        """What has become of each that was taken."""
        ...

    async def settle(self, bulk: UUID) -> int:
        """What was retried and is over or parked again is so here, too; how many are."""
        ...

    async def count(self, bulk: UUID, stage: int | None = None) -> StageCount:
        """Of what was retried, in one stage or in all."""
        ...

    async def outcomes(self, bulk: UUID) -> dict[ItemOutcome, int]: ...
    async def items(self, bulk: UUID, outcome: ItemOutcome | None, after: int, limit: int) -> list[BulkItem]:
        """Those after that place, with where their commands stand."""
        ...

    async def act(self, operation: UUID) -> BulkActEntry | None: ...
    async def add_act(self, entry: BulkActEntry) -> bool:
        """False when there is one with its id."""
        ...
