"""A rollout locks the places that it writes; two places are one when either contains the other."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from domain.changes import Kind, Target
from domain.environments import Environment

_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, order=True)
class Place:
    """One thing of one environment; `scope` is that of a value, and empty for everything else."""

    environment: Environment
    kind: Kind
    key: str
    scope: str = ""

    def meets(self, other: "Place") -> bool:
        """Whether writing one may be felt by who writes the other: a broad scope contains the narrow ones."""
        if (self.environment, self.kind, self.key) != (other.environment, other.kind, other.key):
            return False
        return _contains(self.scope, other.scope) or _contains(other.scope, self.scope)


@dataclass(frozen=True)
class Claim:
    """A rollout wants a place from when it is submitted; it holds it from when it has a token.

    A token is larger than every one that was given before it. `queued_at` is when its change was approved.
    """

    rollout: UUID
    tenant: UUID
    place: Place
    priority: int = 0
    queued_at: datetime | None = None
    token: int | None = None
    superseded_by: UUID | None = None

    @property
    def held(self) -> bool:
        return self.token is not None

    @property
    def turn(self) -> tuple[int, datetime, UUID]:
        """Whose turn sorts first comes first: the urgent, then who was approved earlier."""
        return -self.priority, self.queued_at or _LAST, self.rollout


def places_of(targets: Iterable[Target]) -> tuple[Place, ...]:
    """In the one order in which everybody takes them, and each once."""
    return tuple(sorted({_place(target) for target in targets}))


def rivals_of(rollout: UUID, places: Iterable[Place], claims: Iterable[Claim]) -> list[Claim]:
    """The claims of others that meet one of these places."""
    wanted = list(places)
    return [each for each in claims if each.rollout != rollout and any(each.place.meets(mine) for mine in wanted)]


def _place(target: Target) -> Place:
    if target.kind is Kind.SETTING:
        return Place(target.environment, target.kind, target.content["key"], target.content["scope"])
    return Place(target.environment, target.kind, target.key)


def _contains(broad: str, narrow: str) -> bool:
    return not broad or broad == narrow or narrow.startswith(f"{broad}/")
