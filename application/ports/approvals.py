"""Who is asked, what they answered, and what is owed after nobody was asked."""

from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from application.ports.records import Group, Review
from domain.approvals import Approval, ApprovalPolicy, Ballot, Comment, Standing, Vote
from domain.changes import Kind
from domain.environments import Environment


class Policies(Protocol):
    """Approval policies by environment and kind; the default where none is set."""

    async def get(self, environment: Environment, kind: Kind) -> ApprovalPolicy: ...
    async def version(self, environment: Environment, kind: Kind) -> int:
        """How often it was set: 0 where the default holds."""
        ...

    async def at(self, environment: Environment, kind: Kind, version: int) -> ApprovalPolicy:
        """The one that held in this version; the default before there was any."""
        ...

    async def put(
        self, environment: Environment, kind: Kind, policy: ApprovalPolicy, *, expected: int | None = None
    ) -> int:
        """The new version; Stale when it is at another than the one that is expected, if any is."""
        ...


class Approvals(Protocol):
    """Requests for approval with their votes."""

    async def open(self, approval: Approval) -> None: ...
    async def get(self, approval: UUID, *, lock: bool = False) -> Approval | None: ...
    async def pending(self) -> list[Approval]: ...
    async def votes(self, approval: UUID) -> list[Vote]: ...
    async def cast(self, approval: UUID, ballot: Ballot, *, author: UUID, reason: str, via: str) -> None: ...
    async def drop(self, approval: UUID, voter: UUID, why: str) -> None: ...
    async def open_level(self, approval: UUID, at: datetime) -> None: ...
    async def close(self, approval: UUID, standing: Standing) -> None: ...
    async def reopen(self, approval: UUID) -> None: ...
    async def escalate(self, approval: UUID, level: int) -> None:
        """Ask the fallback of this level, too."""
        ...

    async def comment(self, comment: Comment) -> None:
        """Adding one that is there changes nothing: it is the same request, tried again."""
        ...

    async def comments(self, approval: UUID) -> list[Comment]:
        """As they were written."""
        ...


class Groups(Protocol):
    """Named groups of people."""

    async def get(self, name: str) -> Group | None: ...
    async def all(self) -> list[Group]: ...
    async def put(self, group: Group) -> None:
        """Write version `group.version` over the one before it; Stale when it is at another."""
        ...


class Reviews(Protocol):
    """What must be looked at after the fact."""

    async def open(self, review: Review) -> None: ...
    async def get(self, review: UUID, *, lock: bool = False) -> Review | None: ...
    async def all(self) -> list[Review]:
        """The newest first."""
        ...

    async def emergencies(self, within: timedelta) -> list[Review]:
        """Those of emergencies in the last `within`, the oldest first; whoever asks next waits for this transaction."""
        ...

    async def close(self, review: UUID, by: UUID, finding: str) -> None: ...
    async def escalate(self, review: UUID, at: datetime) -> None: ...


class OverdueReviews(Protocol):
    """What is owed for longer than it may be, of every tenant, and was not told to anybody yet."""

    async def overdue_reviews(self) -> list[tuple[UUID, UUID]]:
        """Tenant and review."""
        ...

    async def unheard_emergencies(self) -> list[UUID]:
        """Changes that went past their approval, and whose process may not know."""
        ...
