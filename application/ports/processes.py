"""Progress, seen from the core: what may be asked of the workflows that run."""

from collections.abc import Collection
from typing import Protocol
from uuid import UUID

from application.ports.imports import ImportRecord
from domain.approvals import Answer, Approval
from domain.rollouts import Rollout, Verb


class Processes(Protocol):
    """Each method raises Unavailable when Temporal does not answer, and the refusal that the workflow gives."""

    async def start_rollout(self, rollout: Rollout, approval: Approval, requester: str) -> None:
        """Start once; starting again what was started changes nothing."""
        ...

    async def start_import(self, tenant: UUID, record: ImportRecord, requester: str) -> None:
        """Start once; starting again what was started changes nothing."""
        ...

    async def vote(self, approval: UUID, answer: Answer, voter: UUID, assertion: str) -> None: ...
    async def withdraw_vote(self, approval: UUID, assertion: str) -> None: ...
    async def control(self, rollout: UUID, verb: Verb, assertion: str) -> None: ...

    async def alive(self, rollout: UUID) -> bool:
        """Whether anything carries the rollout on; False once its process has ended, however it did."""
        ...

    async def running(self, rollouts: Collection[UUID]) -> set[UUID]:
        """Which of them are listed as carried on; who has only just begun or ended may still be missing or listed."""
        ...

    async def take_back(self, rollout: Rollout, approval: Approval, requester: str, *, steps: int, cause: str) -> None:
        """Start the process anew, straight on its way back, counting on from `steps`; one that runs is left alone."""
        ...

    async def killed(self, rollout: UUID) -> None: ...
    async def turn(self, rollout: UUID) -> None:
        """It waited for its turn, and this may be it: it asks to be admitted sooner than it would."""
        ...

    async def urgent(self, rollout: UUID) -> None:
        """It was made an emergency: whatever it waited for, it asks to be admitted now."""
        ...

    async def superseded(self, rollout: UUID) -> None:
        """Another takes its place: it goes back, or has ended where it stood."""
        ...

    async def closed(self, approval: UUID) -> None:
        """The database has ended this request; its process sees that when it next looks, and now looks sooner."""
        ...

    async def ping(self) -> None: ...
