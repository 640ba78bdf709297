"""The parts of rollouts as they are stored."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from application.ports.records import StoredFlag
from application.ports.settings import StoredEntry
from domain.canonical import Json
from domain.changes import Kind
from domain.environments import Environment
from domain.rollouts import Rollout
from domain.rollouts.parts import Part, PartState


@dataclass(frozen=True)
class Spot:
    """Where a flag, or at a scope a value, of a tenant stands in an environment."""

    tenant: UUID
    kind: Kind
    key: str
    scope: str = ""


class Parts(Protocol):
    """What the rollouts of one tenant do, there and in the tenants below it."""

    async def add(self, parts: Collection[Part]) -> None:
        """AlreadyExists where one is there, by its ordinal or by its place."""
        ...

    async def of(self, rollout: UUID, *, upto_stage: int | None = None) -> list[Part]:
        """By ordinal."""
        ...

    async def save(self, *parts: Part) -> None:
        """Versions, stage, state, revision, held, why and refusals."""
        ...

    async def count(self, rollout: UUID) -> Mapping[PartState, int]: ...
    async def newest(self, environment: Environment, spots: Sequence[Spot]) -> Mapping[Spot, int]:
        """The versions that are there now, where there are any; Missing unless the tenants are this one or below."""
        ...

    async def enter(self, environment: Environment, tenants: Sequence[UUID]) -> Mapping[UUID, tuple[datetime, int]]:
        """The turn and the new epoch in each of them, as in one; Missing unless they are below."""
        ...

    async def values(
        self, environment: Environment, spots: Sequence[Spot], most: int
    ) -> Mapping[Spot, list[StoredEntry]]:
        """The newest versions, newest first; Missing as above."""
        ...

    async def hold(self, environment: Environment, bases: Mapping[Spot, int]) -> Mapping[Spot, tuple[int, Json]]:
        """Flags that are there, locked: the present version, and what each was at the given one; Missing as above."""
        ...

    async def put_back(self, flags: Sequence[tuple[UUID, StoredFlag]]) -> list[int]:
        """Flags that are held, in one environment, in turn; the revision of each one's set then. Missing as above."""
        ...

    async def held_by(self, environment: Environment, kind: Kind, key: str) -> list[Rollout]:
        """Open rollouts with a part for this target of the tenant itself, the oldest first."""
        ...
