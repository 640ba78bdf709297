"""A rollout has parts: what it does to one target of one tenant, and how that stands."""

from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from domain.canonical import Json
from domain.changes import Kind
from domain.environments import Environment
from domain.errors import Conflict


class PartState(StrEnum):
    """What is DRIFTED was written by somebody else since; ACCEPTED is what is left as it is, by whoever said so."""

    PENDING = "pending"
    APPLIED = "applied"
    RESTORED = "restored"
    DRIFTED = "drifted"
    SKIPPED = "skipped"
    ACCEPTED = "accepted"


@dataclass(frozen=True)
class Part:
    """`stage` is the one from which it is served.

    `live_version` is what this rollout wrote last, over `base_version` at first; of another tenant's target both are
    known once it is written. `revision` is that of the flag set, or the epoch of the settings, from which it is
    served: what an instance must hold. `held` is what its kind needs to go back, `why` is said of skipped and drifted,
    and of what its tenant has refused so many times.
    """

    rollout: UUID
    ordinal: int
    tenant: UUID
    slug: str
    environment: Environment
    kind: Kind
    key: str
    base_version: int
    live_version: int
    stage: int
    state: PartState
    revision: int = 0
    held: Json = None
    why: str = ""
    refusals: int = 0

    @property
    def written(self) -> bool:
        """Whether something of this rollout may be served there."""
        if self.state is PartState.PENDING:
            return self.live_version != self.base_version
        return self.state is PartState.APPLIED

    @property
    def unserved(self) -> bool:
        """Whether its stage is still to write it: a batch that failed and went back may be tried again."""
        return self.state in {PartState.PENDING, PartState.RESTORED}

    @property
    def place(self) -> tuple[UUID, Environment, Kind, str]:
        return self.tenant, self.environment, self.kind, self.key

    def applied(self, version: int, revision: int) -> "Part":
        return replace(
            self, live_version=version, revision=revision, state=PartState.APPLIED, why="", refusals=0
        )  # fmt: skip

    def restored(self, version: int, revision: int) -> "Part":
        return replace(self, live_version=version, revision=revision, state=PartState.RESTORED)

    def drifted(self, why: str) -> "Part":
        return replace(self, state=PartState.DRIFTED, why=why)

    def skipped(self, why: str) -> "Part":
        return replace(self, state=PartState.SKIPPED, why=why)

    def refused(self, why: str, most: int) -> "Part":
        """Still to be served, unless it was refused for the last time."""
        once_more = replace(self, why=why, refusals=self.refusals + 1)
        return once_more if once_more.refusals < most else once_more.skipped(why)


class TenantsRefuse(Conflict):
    """Some tenants cannot take this; each of them says why."""

    kind = "tenants-refuse"
