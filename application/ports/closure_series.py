"""Series of closes as they are stored: what one request named, and how far each close of it has come."""

from typing import Protocol
from uuid import UUID

from application.ports.closures import Place
from domain.closures.series import Series


class ClosureSeries(Protocol):
    """Of one tenant."""

    async def add(self, series: Series) -> None:
        """AlreadyExists when it is there."""
        ...

    async def get(self, series: UUID, *, lock: bool = False) -> Series | None: ...
    async def page(self, before: Place | None, limit: int) -> list[Series]:
        """Newest first."""
        ...

    async def save(self, series: Series) -> None:
        """SeriesOver when what is stored is over, or what it has closed would no longer be."""
        ...

    async def mark_started(self, series: UUID, *, started: bool = True) -> None:
        """What is not started is found by whoever starts what waits."""
        ...
