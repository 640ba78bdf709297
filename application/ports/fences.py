"""Modules in other databases, and the gates that they were asked to set."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.fences import Fence, FenceState, RemoteModule
from domain.periods import GateKey


@dataclass(frozen=True)
class FenceFilter:
    """Everything unless said; `outstanding` are those for whose word somebody may wait."""

    module: str | None = None
    state: FenceState | None = None
    run: UUID | None = None
    outstanding: bool = False


class Fences(Protocol):
    """The remote modules of one tenant, and every fence that was ever put up."""

    async def module(self, code: str, *, lock: bool = False) -> RemoteModule | None:
        """Locked, nobody else puts up or settles a fence of it until the transaction ends."""
        ...

    async def modules(self, after: str, limit: int) -> list[RemoteModule]:
        """By code."""
        ...

    async def serving(self, entity: str, scope: str) -> list[RemoteModule]:
        """In service for these books, by code; each is locked."""
        ...

    async def put_module(self, module: RemoteModule) -> None:
        """Over the version before its own; Stale when that is not there."""
        ...

    async def add(self, *fences: Fence) -> None:
        """AlreadyExists where a module was asked for this epoch of this gate."""
        ...

    async def save(self, *fences: Fence) -> None: ...
    async def get(self, fence: UUID) -> Fence | None: ...
    async def newest(self, module: str, key: GateKey) -> Fence | None: ...
    async def newest_at(self, keys: Collection[GateKey]) -> dict[tuple[str, GateKey], Fence]:
        """Of every module at every one of these gates."""
        ...

    async def of_run(self, run: UUID) -> list[Fence]:
        """By scope, module and epoch."""
        ...

    async def page(self, wanted: FenceFilter, before: tuple[datetime, UUID] | None, limit: int) -> list[Fence]:
        """Newest first."""
        ...

    async def assert_epoch(self, module: str, entity: str, period: UUID, epoch: int) -> None:
        """Until the transaction ends the gate of the module's scope stays as it is.

        StaleEpoch, EpochUnknown or RemoteModuleMissing where a posting of this epoch may not be taken in.
        """
        ...
