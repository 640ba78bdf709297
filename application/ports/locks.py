"""Locks on targets, freezes over them, and the rules of when and how rollouts start, as they are stored."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from domain.canonical import Json
from domain.environments import Environment
from domain.locks import Claim, Cover, Freeze, FreezeKind, Place


class TargetLocks(Protocol):
    """What open rollouts of this tenant want to write; a claim ends with its rollout."""

    async def in_turn(self, places: Iterable[Place]) -> None:
        """Until this transaction ends, whoever asks the same of one of these places, here, above or below, waits."""
        ...

    async def claim(self, rollout: UUID, places: Iterable[Place], priority: int) -> None: ...
    async def of(self, rollout: UUID) -> list[Claim]:
        """In the order of places."""
        ...

    async def rivals(self, rollout: UUID) -> list[Claim]:
        """The claims of others, here, above and below, on places that meet one of this rollout's."""
        ...

    async def at(self, places: Iterable[Place]) -> list[Claim]:
        """Every claim, here, above and below, on places that meet one of these."""
        ...

    async def queue(self, rollout: UUID, since: datetime | None, priority: int) -> None:
        """It stands in the queue since then, or no more."""
        ...

    async def take(self, rollout: UUID) -> int:
        """It holds all of its places from now on; the token, which no earlier holder had. It had none."""
        ...

    async def let_go(self, rollout: UUID) -> None:
        """It holds nothing, and still wants it."""
        ...

    async def supersede(self, rollout: UUID, by: UUID) -> None: ...
    async def drop(self, rollout: UUID) -> None:
        """It holds nothing and wants nothing."""
        ...

    async def holders(self, environment: Environment) -> list[UUID]:
        """Every rollout of this tenant that holds something there."""
        ...


class Freezes(Protocol):
    """Freezes and blocks of this tenant, and those of the tenants above it that stand over it, too."""

    async def add(self, freeze: Freeze) -> bool:
        """False when one with this id is there already."""
        ...

    async def get(self, freeze: UUID, *, lock: bool = False) -> Freeze | None: ...
    async def page(self, kind: FreezeKind, before: tuple[datetime, UUID] | None, limit: int) -> list[Freeze]:
        """This tenant's, newest first."""
        ...

    async def over(self, at: datetime) -> list[Cover]:
        """Those that are not lifted and end after `at`, begun or not, of this tenant and of those above."""
        ...

    async def lift(self, freeze: UUID, at: datetime, by: UUID) -> None: ...


class RuleKind(StrEnum):
    WINDOW = "window"
    POLICY = "policy"


@dataclass(frozen=True)
class StoredRule:
    """One version of a change window or of a rollout policy; `content` was parsed and checked."""

    kind: RuleKind
    name: str
    version: int
    content: Json
    written_by: UUID
    written_at: datetime
    reason: str
    request: UUID | None = None


class ReleaseRules(Protocol):
    """Every version that they ever had; the newest holds."""

    async def get(self, kind: RuleKind, name: str) -> StoredRule | None: ...
    async def at(self, kind: RuleKind, name: str, version: int) -> StoredRule | None: ...
    async def page(self, kind: RuleKind, after: str, limit: int) -> list[StoredRule]:
        """The newest of each, by name."""
        ...

    async def put(self, rule: StoredRule) -> None:
        """AlreadyExists when somebody else wrote this version."""
        ...

    async def asked(self, request: UUID) -> StoredRule | None: ...


class TurnKind(StrEnum):
    QUEUED = "queued"
    BLOCKED = "blocked"
    SUPERSEDED = "superseded"


@dataclass(frozen=True)
class Turn:
    """A rollout whose workflow may have something to hear."""

    kind: TurnKind
    tenant: UUID
    rollout: UUID
