"""Progress, seen from the core: what may be asked of the workflows that run."""

from collections.abc import Collection
from typing import Protocol
from uuid import UUID

from application.ports.imports import ImportRecord
from domain.approvals import Answer, Approval
from domain.closures import Act, ClosureRun, Reopening
from domain.closures.series import Series
from domain.commands import CommandRecord
from domain.commands.bulk import Bulk
from domain.commands.repairs import Repair
from domain.rollouts import Rollout, Verb


class Processes(Protocol):
    """Each method raises Unavailable when Temporal does not answer, and the refusal that the workflow gives."""

    async def start_rollout(self, rollout: Rollout, approval: Approval, requester: str) -> None:
        """Start once; starting again what was started changes nothing."""
        ...

    async def start_import(self, tenant: UUID, record: ImportRecord, requester: str) -> None:
        """Start once; starting again what was started changes nothing."""
        ...

    async def start_closure(self, run: ClosureRun, requester: str) -> None:
        """Start once; Unavailable as long as an older attempt at the same period has not ended its process."""
        ...

    async def closure_act(self, run: ClosureRun, act: Act, actor: UUID, assertion: str, task: str | None) -> None:
        """RunOver for one that has ended; `task` is the key of the task that it is about."""
        ...

    async def closure_told(self, run: ClosureRun, what: str, missing: int | None = None) -> None:
        """Something outside has happened that it may wait for; one that has ended needs to hear nothing.

        `missing`: of modules elsewhere, so many have not acknowledged yet.
        """
        ...

    async def start_reopening(self, reopening: Reopening, requester: str) -> None:
        """Start once; starting again what was started changes nothing."""
        ...

    async def reopening_told(self, reopening: Reopening) -> None:
        """The database has moved it on; its process looks."""
        ...

    async def carry_on_series(self, series: Series, requester: str) -> None:
        """Its process looks at what the database holds now; where none runs, one is started."""
        ...

    async def carry_on_bulk(self, bulk: Bulk, requester: str) -> None:
        """Its process looks at what the database holds now; where none runs, one is started."""
        ...

    async def start_command_repair(self, repair: Repair, requester: str) -> None:
        """Start once; one that runs is left alone."""
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

    async def gone(self, workflows: Collection[str]) -> set[str]:
        """Which of these nothing carries on, by their names: each that is not listed was asked about alone."""
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

    async def command_outcome(self, record: CommandRecord, seconds: float) -> None:
        """Returns once a command with a workflow of its own has been executed, or after so long; WillNotRun."""
        ...

    async def ping(self) -> None: ...
