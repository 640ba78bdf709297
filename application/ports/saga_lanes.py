"""Processes of every tenant whose workflows are to be told something, and how they are told."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from application.ports.store import Store
from domain.sagas import ProcessType, Saga, SagaKey


@dataclass(frozen=True)
class WaitingSaga:
    """Its workflow is to be started, or told to look; `version` is how the process stood when that was found."""

    tenant: UUID
    key: SagaKey
    version: int


class SagaLanes(Store, Protocol):
    """The store, with what is asked before a tenant is known."""

    async def put_process_types(self, types: Sequence[ProcessType]) -> None:
        """What the workers of a domain carry out; the newest word stands."""
        ...

    async def waiting_sagas(self) -> list[WaitingSaga]:
        """Those that never reached a workflow, whose command has moved, whose time is up, and that nobody carries on.

        What was told of a version is told of it again after ten seconds.
        """
        ...


class SagaRuns(Protocol):
    """The workflows of processes, seen from the core; each method raises Unavailable when Temporal does not answer."""

    async def carry_on(self, saga: Saga, requester: str) -> None:
        """Its workflow looks at what the database holds now; where none runs, one is started."""
        ...

    async def ping(self) -> None: ...
