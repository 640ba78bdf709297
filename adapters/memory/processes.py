"""Workflows are a list of what was asked of them; human acts take effect at once, as their activities would do it."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from application.balloting import Balloting, Cast
from application.closures.stand import ClosureAct
from application.closures.tasks import Tasks
from application.commands.repairing import Repairing, RepairStep
from application.controls import Control, Controlling
from application.ports.identity import ActVerifier
from application.ports.imports import ImportRecord
from application.ports.store import Store
from domain.approvals import Answer, Approval
from domain.closures import Act, ClosureRun, Reopening
from domain.closures.series import Series
from domain.commands import CommandRecord
from domain.commands.bulk import Bulk
from domain.commands.repairs import Repair
from domain.errors import Unavailable
from domain.rollouts import Rollout, Verb


@dataclass(frozen=True)
class Call:
    """`verb` done to the process of `subject`."""

    verb: str
    subject: UUID


class MemoryProcesses:
    """Answers `application.ports.processes.Processes`; while `down` it raises what an unreachable Temporal raises."""

    def __init__(self, store: Store, verifier: ActVerifier, now: Callable[[], datetime]) -> None:
        self._verifier = verifier
        self._now = now
        self._balloting = Balloting(store, verifier)
        self._controlling = Controlling(store, verifier)
        self._tasks = Tasks(store, verifier)
        self._repairing = Repairing(store)
        self._repairs: dict[UUID, RepairStep] = {}
        self.calls: list[Call] = []
        self.down = False
        self.lost: set[UUID] = set()
        self.ended: set[str] = set()

    async def start_rollout(self, rollout: Rollout, approval: Approval, requester: str) -> None:
        del requester
        self._note("start", rollout.id)
        await self._balloting.state(approval.tenant, approval.id)

    async def start_import(self, tenant: UUID, record: ImportRecord, requester: str) -> None:
        del tenant, requester
        self._note("import", record.id)

    async def start_closure(self, run: ClosureRun, requester: str) -> None:
        del requester
        self._note("close", run.id)

    async def closure_act(self, run: ClosureRun, act: Act, actor: UUID, assertion: str, task: str | None) -> None:
        del actor, task
        self._note(act.value, run.id)
        proof = self._verifier.verify(assertion)
        await self._tasks.apply(ClosureAct(run.tenant, run.id, act, assertion, f"{act.value}:{proof.id}", self._now()))

    async def closure_told(self, run: ClosureRun, what: str, missing: int | None = None) -> None:
        del missing
        self._note(what, run.id)

    async def start_reopening(self, reopening: Reopening, requester: str) -> None:
        del requester
        self._note("reopen", reopening.id)

    async def reopening_told(self, reopening: Reopening) -> None:
        self._note("look", reopening.id)

    async def carry_on_series(self, series: Series, requester: str) -> None:
        del requester
        self._note("series", series.id)

    async def carry_on_bulk(self, bulk: Bulk, requester: str) -> None:
        del requester
        self._note("bulk", bulk.id)

    async def start_command_repair(self, repair: Repair, requester: str) -> None:
        del requester
        self._note("repair", repair.id)
        self._repairs[repair.approval] = RepairStep(repair.tenant, repair.id)

    async def vote(self, approval: UUID, answer: Answer, voter: UUID, assertion: str) -> None:
        del voter
        self._note(answer.value, approval)
        tenant = self._verifier.verify(assertion).tenant
        await self._balloting.cast(Cast(tenant, approval, answer, assertion, "update"))
        if approval in self._repairs:
            await self._repairing.answer(self._repairs[approval])

    async def withdraw_vote(self, approval: UUID, assertion: str) -> None:
        self._note("withdraw_vote", approval)
        await self._balloting.withdraw_vote(self._verifier.verify(assertion).tenant, approval, assertion)

    async def control(self, rollout: UUID, verb: Verb, assertion: str) -> None:
        self._note(verb, rollout)
        act = self._verifier.verify(assertion)
        await self._controlling.apply(Control(act.tenant, rollout, verb, assertion, f"{verb}:{act.id}", self._now()))

    async def alive(self, rollout: UUID) -> bool:
        if self.down:
            raise Unavailable(part="temporal")
        return rollout not in self.lost

    async def running(self, rollouts: Collection[UUID]) -> set[UUID]:
        if self.down:
            raise Unavailable(part="temporal")
        return set(rollouts) - self.lost

    async def gone(self, workflows: Collection[str]) -> set[str]:
        if self.down:
            raise Unavailable(part="temporal")
        return set(workflows) & self.ended

    async def take_back(self, rollout: Rollout, approval: Approval, requester: str, *, steps: int, cause: str) -> None:
        del approval, requester, steps, cause
        self._note("take_back", rollout.id)
        self.lost.discard(rollout.id)

    async def killed(self, rollout: UUID) -> None:
        self._note("killed", rollout)

    async def turn(self, rollout: UUID) -> None:
        self._note("turn", rollout)

    async def urgent(self, rollout: UUID) -> None:
        self._note("urgent", rollout)

    async def superseded(self, rollout: UUID) -> None:
        self._note("superseded", rollout)

    async def closed(self, approval: UUID) -> None:
        self._note("closed", approval)

    async def command_outcome(self, record: CommandRecord, seconds: float) -> None:
        del record, seconds
        await self.ping()

    async def ping(self) -> None:
        if self.down:
            raise Unavailable(part="temporal")

    def _note(self, verb: str, subject: UUID) -> None:
        if self.down:
            raise Unavailable(part="temporal")
        self.calls.append(Call(verb, subject))
