"""What a change of one kind of target needs, so that the same approval and the same rollout serve every kind."""

from typing import Protocol

from application.ports.store import Transaction
from domain.approvals import ApprovalPolicy
from domain.canonical import Json
from domain.changes import ChangeSet, Reach
from domain.rollouts import Rollout


class Examined(Protocol):
    """What a kind of target says of a change; every question is part of the caller's transaction."""

    async def check_content(self, tx: Transaction, change: ChangeSet) -> None:
        """A refusal when the content could not be written as things are now."""
        ...

    async def asks(self, tx: Transaction, change: ChangeSet) -> tuple[Reach, ApprovalPolicy]:
        """How far the change would reach now, and what it asks of people for that."""
        ...

    async def difference(self, tx: Transaction, change: ChangeSet) -> Json:
        """From what is stored to what the change would store, in lines of JSON, and whether the base has moved."""
        ...


class Subject(Examined, Protocol):
    """With what it was written over."""

    async def check_base(self, tx: Transaction, change: ChangeSet, *, hold: bool = False) -> None:
        """BaseVersionConflict when what the change was written over has moved; held, it cannot move any more."""
        ...


class WholeSubject(Subject, Protocol):
    """Of what is always a change of its own: it is not written in parts."""

    async def expose(self, tx: Transaction, rollout: Rollout, change: ChangeSet, stage: int) -> int:
        """Write what the stage serves, over what this rollout wrote last; returns the version that is live then."""
        ...

    async def served(self, tx: Transaction, rollout: Rollout) -> bool:
        """Whether what this rollout wrote last is what is served now."""
        ...

    async def restore(self, tx: Transaction, rollout: Rollout) -> int:
        """Write what was there before; returns the version that is live then. Needs the database and nothing else."""
        ...
