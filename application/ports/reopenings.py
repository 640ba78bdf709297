"""Reopenings of closed periods as they are stored, and until when each gate that they opened is open."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol
from uuid import UUID

from application.ports.closures import Place
from domain.closures.windows import Reopening
from domain.periods import GateKey


class Reopenings(Protocol):
    """Of one tenant."""

    async def add(self, reopening: Reopening) -> None:
        """AlreadyExists while another of this period is not over."""
        ...

    async def get(self, reopening: UUID, *, lock: bool = False) -> Reopening | None: ...
    async def running(self, entity: str) -> list[Reopening]:
        """Those of this entity that are not over."""
        ...

    async def page(self, entity: str, period: UUID | None, before: Place | None, limit: int) -> list[Reopening]:
        """Newest first."""
        ...

    async def save(self, reopening: Reopening) -> None:
        """ReopeningOver when what is stored is over."""
        ...

    async def mark_started(self, reopening: UUID, *, started: bool = True) -> None:
        """What is not started is found by whoever starts what waits."""
        ...

    async def open(self, reopening: Reopening, keys: Collection[GateKey]) -> None:
        """From now on the guard lets nothing through these gates after the window's end, and no entry too many."""
        ...

    async def shut(self, reopening: Reopening) -> None:
        """Its gates are open until it is shut, and no longer."""
        ...

    async def gates(self, reopening: UUID) -> list[GateKey]:
        """What it opened, in their order."""
        ...

    async def entries(self, reopening: UUID) -> int:
        """How many it has let in, where it has a limit; none are counted without one."""
        ...

    async def windows(self, entity: str) -> dict[GateKey, datetime]:
        """From when on the newest window of each gate lets nothing in; its beginning, where it is used up."""
        ...
