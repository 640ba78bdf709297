"""Rollouts that the database holds open, seen across tenants, and whether anything carries them on."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from application.ports.store import Store


@dataclass(frozen=True)
class OpenRollout:
    tenant: UUID
    id: UUID


class OpenRollouts(Store, Protocol):
    """The store, with the question that recovery asks of all tenants."""

    async def open_rollouts(self) -> list[OpenRollout]:
        """Started and not ended: every one that is exposed, and some of those that wait."""
        ...
