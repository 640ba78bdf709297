"""Processes that are asked and remember it: a vote is counted at once, as its workflow would."""

from collections.abc import Collection
from dataclasses import dataclass, field
from uuid import UUID

from application.balloting import Balloting, Cast
from application.ports.imports import ImportRecord
from domain.approvals import Answer, Approval
from domain.closures import Act, ClosureRun, Reopening
from domain.closures.series import Series
from domain.commands import CommandRecord
from domain.commands.bulk import Bulk
from domain.commands.repairs import Repair
from domain.errors import Unavailable
from domain.rollouts import Rollout, Verb


@dataclass
class RecordingProcesses:
    """Remembers what was asked; a vote is counted at once, as its workflow would. `down` answers nobody."""

    balloting: Balloting
    tenant: UUID
    down: bool = False
    deaf: bool = False
    started: list[UUID] = field(default_factory=list)
    controls: list[tuple[UUID, Verb, str]] = field(default_factory=list)
    kills: list[UUID] = field(default_factory=list)
    turns: list[UUID] = field(default_factory=list)
    hurried: list[UUID] = field(default_factory=list)
    displaced: list[UUID] = field(default_factory=list)
    ended: list[UUID] = field(default_factory=list)
    imports: list[UUID] = field(default_factory=list)
    closures: list[UUID] = field(default_factory=list)
    acts: list[tuple[UUID, Act, str]] = field(default_factory=list)
    told: list[tuple[UUID, str]] = field(default_factory=list)
    reopenings: list[UUID] = field(default_factory=list)
    looked: list[UUID] = field(default_factory=list)
    series: list[UUID] = field(default_factory=list)
    bulks: list[UUID] = field(default_factory=list)
    repairs: list[UUID] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)

    async def start_import(self, tenant: UUID, record: ImportRecord, requester: str) -> None:
        if self.down:
            raise Unavailable
        self.imports.append(record.id)

    async def start_closure(self, run: ClosureRun, requester: str) -> None:
        await self.ping()
        self.closures.append(run.id)

    async def closure_act(self, run: ClosureRun, act: Act, actor: UUID, assertion: str, task: str | None) -> None:
        await self.ping()
        self.acts.append((run.id, act, assertion))

    async def closure_told(self, run: ClosureRun, what: str, missing: int | None = None) -> None:
        del missing
        await self.ping()
        self.told.append((run.id, what))

    async def start_reopening(self, reopening: Reopening, requester: str) -> None:
        await self.ping()
        self.reopenings.append(reopening.id)

    async def reopening_told(self, reopening: Reopening) -> None:
        await self.ping()
        self.looked.append(reopening.id)

    async def carry_on_series(self, series: Series, requester: str) -> None:
        await self.ping()
        self.series.append(series.id)

    async def start_command_repair(self, repair: Repair, requester: str) -> None:
        await self.ping()
        self.repairs.append(repair.id)

    async def carry_on_bulk(self, bulk: Bulk, requester: str) -> None:
        await self.ping()
        self.bulks.append(bulk.id)

    async def start_rollout(self, rollout: Rollout, approval: Approval, requester: str) -> None:
        await self.ping()
        self.started.append(rollout.id)

    async def vote(self, approval: UUID, answer: Answer, voter: UUID, assertion: str) -> None:
        await self.ping()
        if not self.deaf:
            await self.balloting.cast(Cast(self.tenant, approval, answer, assertion, "update"))

    async def withdraw_vote(self, approval: UUID, assertion: str) -> None:
        await self.ping()
        await self.balloting.withdraw_vote(self.tenant, approval, assertion)

    async def control(self, rollout: UUID, verb: Verb, assertion: str) -> None:
        await self.ping()
        self.controls.append((rollout, verb, assertion))

    async def killed(self, rollout: UUID) -> None:
        await self.ping()
        self.kills.append(rollout)

    async def running(self, rollouts: Collection[UUID]) -> set[UUID]:
        await self.ping()
        return set(rollouts) & set(self.started)

    async def alive(self, rollout: UUID) -> bool:
        await self.ping()
        return rollout in self.started

    async def gone(self, workflows: Collection[str]) -> set[str]:
        await self.ping()
        return set(workflows) & self.lost

    async def take_back(self, rollout: Rollout, approval: Approval, requester: str, *, steps: int, cause: str) -> None:
        await self.ping()
        self.started.append(rollout.id)

    async def turn(self, rollout: UUID) -> None:
        await self.ping()
        self.turns.append(rollout)

    async def urgent(self, rollout: UUID) -> None:
        await self.ping()
        self.hurried.append(rollout)

    async def superseded(self, rollout: UUID) -> None:
        await self.ping()
        self.displaced.append(rollout)

    async def closed(self, approval: UUID) -> None:
        await self.ping()
        self.ended.append(approval)

    async def command_outcome(self, record: CommandRecord, seconds: float) -> None:
        """At once: whoever asked looks at the database then."""
        await self.ping()

    async def ping(self) -> None:
        if self.down:
            raise Unavailable
