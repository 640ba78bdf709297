"""Batches of one tenant's commands, as they are kept."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol, TypeAlias

from domain.commands import Key
from domain.commands.batches import Batch, Progress

BatchMark: TypeAlias = tuple[datetime, str]
"""Where a page, newest first, ended: the instant and the id of its last batch."""


class Batches(Protocol):
    """Beside `Commands`, which holds what is in them."""

    async def add(self, batch: Batch) -> Batch | None:
        """The one that was there before under its id, which then stays as it is."""
        ...

    async def hold(self, id_: str) -> Batch | None:
        """Nobody else counts until the transaction ends."""
        ...

    async def save(self, batch: Batch) -> Batch:
        """With its new version; Stale when it was counted on meanwhile."""
        ...

    async def add_parked(self, id_: str, keys: Sequence[Key]) -> set[Key]:
        """Those that count for the first time because they are parked."""
        ...

    async def parked(self, id_: str, keys: Collection[Key]) -> set[Key]:
        """Those that count already because they were parked."""
        ...

    async def get(self, id_: str) -> Progress | None: ...
    async def page(self, before: BatchMark | None, limit: int) -> list[Progress]:
        """Newest first."""
        ...
