"""Processes of one tenant as they are kept."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias
from uuid import UUID

from domain.sagas import ProcessType, Saga, SagaKey, SagaState
from domain.sagas.operations import SagaOperation

SagaMark: TypeAlias = tuple[datetime, str, str]
"""Where a page, newest first, ended: the instant, type and id of its last process."""


@dataclass(frozen=True)
class SagaFilter:
    """Everything unless said."""

    state: SagaState | None = None
    type: str | None = None
    correlation: UUID | None = None
    change: UUID | None = None


class Sagas(Protocol):
    """Of one tenant. What moves one moves it from the version that it was read with."""

    async def types(self, domain: str | None = None) -> list[ProcessType]:
        """What workers carry out, by type and version; the same for every tenant."""
        ...

    async def add(self, saga: Saga) -> Saga | None:
        """Gives the one that was there before; waits for whoever is starting it, and never spoils the transaction."""
        ...

    async def get(self, key: SagaKey, *, lock: bool = False) -> Saga | None: ...
    async def page(self, wanted: SagaFilter, before: SagaMark | None, limit: int) -> list[Saga]:
        """Newest first."""
        ...

    async def save(self, saga: Saga) -> Saga:
        """With the version it has now; Stale where it moved meanwhile, WrongProcessState where it is over for good."""
        ...

    async def mark_told(self, key: SagaKey, version: int | None) -> None:
        """Its workflow was told how it stood then; None has it told at once."""
        ...

    async def operation(self, id_: UUID) -> SagaOperation | None: ...
    async def add_operation(self, operation: SagaOperation) -> bool:
        """False when there is one with this id."""
        ...
