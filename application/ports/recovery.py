"""What the database holds open, seen across tenants, so that whoever asks looks whether anything carries it on."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from application.ports.records import WaitingKind
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


@dataclass(frozen=True)
class OpenPeriod:
    """A close or a reopening; `workflow` is what its process is called."""

    kind: WaitingKind
    tenant: UUID
    id: UUID
    workflow: str


@dataclass(frozen=True)
class OpenRepair:
    """A decision about a command that waits for another person."""

    tenant: UUID
    id: UUID


class OpenRepairs(Store, Protocol):
    """The store, with the question that the recovery of decisions asks of all tenants."""

    async def open_command_repairs(self) -> list[OpenRepair]:
        """Those that have waited for a moment; where there are thousands, some of them."""
        ...


class OpenPeriods(Store, Protocol):
    """The store, with the question that the recovery of periods asks of all tenants."""

    async def open_periods(self) -> list[OpenPeriod]:
        """Started and not over; where there are thousands, some of them."""
        ...
