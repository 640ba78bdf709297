"""Deployments, asked for by their target and followed line by line."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from application.ports.records import Check
from domain.changes import Kind
from domain.environments import Environment
from domain.rollouts import State, Transition

Place = tuple[datetime, UUID]


@dataclass(frozen=True)
class Deployed:
    """What one deployment did to one target: `version` is what it wrote there last, over `base_version`."""

    rollout: UUID
    state: State
    base_version: int
    version: int
    created_at: datetime
    ended_at: datetime | None


class Deployments(Protocol):
    """Read only."""

    async def of_target(
        self, environment: Environment, kind: Kind, key: str, before: Place | None, limit: int
    ) -> list[Deployed]:
        """Newest first."""
        ...

    async def stable(self, environment: Environment, kind: Kind, key: str) -> Deployed | None:
        """The last that succeeded."""
        ...

    async def moves(self, rollout: UUID, after: int, limit: int) -> list[Transition]:
        """In order, behind the one with this number."""
        ...

    async def checks(self, rollout: UUID, after: int, limit: int) -> list[Check]:
        """In order, behind the one with this number."""
        ...
