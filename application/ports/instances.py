"""Instances of applications, as they were last seen."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.changes import Kind
from domain.environments import Environment
from domain.instances import Convergence, Instance, Wish


@dataclass(frozen=True)
class Written:
    """From `revision` of its environment's flags or settings on, `version` of a target is what they say."""

    revision: int
    version: int


class Instances(Protocol):
    """A bounded number for each tenant; who was not seen for longest is forgotten first."""

    async def report(self, seen: Sequence[Instance], *, most: int) -> None:
        """What each says now; an older word than the one that is kept changes nothing."""
        ...

    async def forget(self, named: Collection[tuple[Environment, str]]) -> None:
        """Who went by these names in these environments is no instance any more."""
        ...

    async def page(
        self, environment: Environment, kind: Kind, since: datetime, after: str, limit: int
    ) -> list[Instance]:  # fmt: skip
        """By name, who was seen since and follows the kind."""
        ...

    async def tally(self, environment: Environment, kind: Kind, since: datetime) -> dict[int, int]:
        """How many of those that were seen since, and follow the kind, hold which revision."""
        ...

    async def converged(self, wishes: Sequence[Wish], since: datetime) -> Convergence:
        """Over places of this tenant and of those below it; what is elsewhere counts nothing."""
        ...

    async def written(self, environment: Environment, kind: Kind, key: str, limit: int) -> list[Written]:
        """The newest versions of a target, newest first, as far as events tell of them."""
        ...
