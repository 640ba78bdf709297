"""Periods that open by themselves, of every tenant."""

from typing import Protocol
from uuid import UUID


class DueOpenings(Protocol):
    """What may have to be opened now because its books say so."""

    async def due_openings(self) -> list[tuple[UUID, str, str]]:
        """Tenant, entity and scope of gates that nobody opened yet, in periods that have begun somewhere on earth."""
        ...
