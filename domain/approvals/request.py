"""A request for approval, with the votes that the database holds."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.approvals.policy import ApprovalPolicy
from domain.approvals.tally import Ballot, Standing, Tally
from domain.approvals.timetable import Timetable
from domain.environments import Environment


@dataclass(frozen=True)
class Approval:
    """`id` is the id of its change. `level_opened_at` moves when a level completes.

    `escalated` are the indices of levels whose fallback is asked, too.
    """

    id: UUID
    tenant: UUID
    environment: Environment
    digest: str
    authors: tuple[UUID, ...]
    policy: ApprovalPolicy
    standing: Standing
    opened_at: datetime
    level_opened_at: datetime
    ballots: tuple[Ballot, ...] = ()
    closed_at: datetime | None = None
    escalated: tuple[int, ...] = ()

    @property
    def workflow_id(self) -> str:
        return f"approval/{self.id}"

    @property
    def tally(self) -> Tally:
        return Tally(self.digest, self.authors, self.policy.levels, self.ballots, self.escalated)

    @property
    def timetable(self) -> Timetable:
        level = self.tally.level
        return Timetable.of(
            self.policy,
            requested_at=self.opened_at,
            level_opened_at=self.level_opened_at,
            level=None if level in self.escalated else level,
        )


@dataclass(frozen=True)
class Vote:
    """A ballot as it is shown: who, when and why. `dropped` says why it no longer counts."""

    ballot: Ballot
    voted_at: datetime
    reason: str
    via: str
    dropped: str | None = None


@dataclass(frozen=True)
class Comment:
    """What somebody said about a request; it counts for nothing."""

    id: UUID
    approval: UUID
    author: UUID
    words: str
    written_at: datetime
