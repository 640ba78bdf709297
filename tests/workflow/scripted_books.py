"""What the use cases of a close answer is written down beforehand; its requests for approval are real ones."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

from application.asked import Asked
from application.closures.cases import ClosureCases
from application.closures.stand import ClosureAct, RunStep, Stand, TaskBrief
from domain.approvals import Approval, ApprovalPolicy, Level, Standing
from domain.closures import Act, ClosureRun, RunState, TaskState
from domain.closures.states import check_way
from domain.errors import Refusal
from tests.workflow.theatre import PRODUCTION
from tests.world import World

DIGEST = f"sha256:{0:064x}"


class ScriptedBooks:
    """Answers for every step of one close, each once.

    `finds` are the checks in the way at each validation in turn, and then nothing. `fences` are not acknowledged.
    `posted`: something was, beneath what was signed. `moved` is how often the books have moved when they are to be
    closed. `effects` are what acts change; `refuses`
    is what a step of this name raises.
    """

    def __init__(self, world: World, run: ClosureRun) -> None:
        self.world, self.run = world, run
        self.stand = Stand(run.id, run.state)
        self.finds: list[tuple[str, ...]] = []
        self.fences = 0
        self.posted = False
        self.moved = 0
        self.effects: dict[Act, Callable[[Stand], Stand]] = {}
        self.refuses: dict[str, Refusal] = {}
        self.names: list[str] = []
        self.steps: list[str] = []
        self.reminded: list[tuple[str, ...]] = []
        self.tasks: tuple[TaskBrief, ...] = ()

    def cases(self) -> ClosureCases:
        """Every use case is this one."""
        names = ("looking", "prechecking", "freezing", "tasks", "validating", "closing", "compensating", "announcing")
        return cast("ClosureCases", SimpleNamespace(**dict.fromkeys(names, _Answers(self))))

    def to(self, state: RunState, **changes: Any) -> Stand:
        if state is not self.stand.state:
            check_way(self.stand.state, state)
        self.stand = replace(self.stand, state=state, **changes)
        return self.stand

    async def asked(self) -> Asked:
        policy, author = ApprovalPolicy((Level(), Level())), self.run.requester
        async with self.world.store.transaction(self.run.tenant) as tx:
            opened = Approval(
                uuid4(), self.run.tenant, PRODUCTION, DIGEST, (author,), policy, Standing.PENDING, tx.now, tx.now
            )
            await tx.approvals.open(opened)
        return Asked(opened.id, DIGEST, (author,), policy, f"{self.run.entity} {self.run.period_code}")

    async def called_off(self, standing: Standing) -> None:
        asked = self.stand.asked
        if asked is not None:
            async with self.world.store.transaction(self.run.tenant) as tx:
                await tx.approvals.close(asked.approval, standing)


class _Answers:
    def __init__(self, books: ScriptedBooks) -> None:
        self._books = books

    def _begin(self, name: str) -> bool:
        """Whether this step is new; what it is refuses where the script says so."""
        what = name.partition(":")[2]
        if what in self._books.refuses:
            raise self._books.refuses[what]
        if name in self._books.names:
            return False
        self._books.names.append(name)
        self._books.steps.append(what)
        return True

    async def stand(self, step: RunStep) -> Stand:
        self._begin(step.name)
        if self._books.stand.state is RunState.FREEZING:
            self._books.to(RunState.FREEZING, fences=self._books.fences)
        return self._books.stand

    async def precheck(self, step: RunStep) -> Stand:
        return self._books.to(RunState.PRECHECK) if self._begin(step.name) else self._books.stand

    async def freeze(self, step: RunStep) -> Stand:
        new = self._begin(step.name)
        return self._books.to(RunState.FREEZING, fences=self._books.fences) if new else self._books.stand

    async def ask_again(self, step: RunStep) -> Stand:
        return await self.stand(step)

    async def call(self, step: RunStep) -> Stand:
        return await self.stand(step)

    async def frozen(self, step: RunStep) -> Stand:
        new = self._begin(step.name)
        return self._books.to(RunState.TASKS, tasks=self._books.tasks) if new else self._books.stand

    async def apply(self, act: ClosureAct) -> Stand:
        if not self._begin(act.step):
            return self._books.stand
        if act.verb is Act.ABORT:
            await self._books.called_off(Standing.WITHDRAWN)
            return self._books.to(RunState.ABORTED, why="aborted", asked=None)
        if act.verb in self._books.effects:
            self._books.stand = self._books.effects[act.verb](self._books.stand)
        return self._books.stand

    async def remind(self, step: RunStep, keys: tuple[str, ...]) -> None:
        if self._begin(step.name):
            self._books.reminded.append(keys)

    async def suspend(self, step: RunStep) -> Stand:
        if not self._begin(step.name) or not self._books.posted:
            return self._books.stand
        await self._books.called_off(Standing.INVALIDATED)
        tasks = tuple(replace(each, state=TaskState.SUSPENDED) for each in self._books.stand.tasks)
        return self._books.to(RunState.TASKS, why="balance_changed", tasks=tasks, asked=None)

    async def validate(self, step: RunStep) -> Stand:
        if not self._begin(step.name):
            return self._books.stand
        self._books.to(RunState.VALIDATING)
        blockers = self._books.finds.pop(0) if self._books.finds else ()
        return self._books.to(RunState.REMEDIATING if blockers else RunState.VALIDATING, blockers=blockers)

    async def ask(self, step: RunStep) -> Stand:
        if not self._begin(step.name):
            return self._books.stand
        return self._books.to(RunState.AWAITING_APPROVAL, asked=await self._books.asked())

    async def close(self, step: RunStep) -> Stand:
        if not self._begin(step.name):
            return self._books.stand
        if self._books.moved:
            self._books.moved -= 1
            return self._books.to(RunState.VALIDATING, why="snapshot_moved", asked=None)
        self._books.to(RunState.CLOSING)
        return self._books.to(RunState.NOTIFYING, asked=None)

    async def notify(self, step: RunStep) -> Stand:
        return self._books.to(RunState.CLOSED) if self._begin(step.name) else self._books.stand

    async def end(self, step: RunStep, state: RunState, why: str) -> Stand:
        return self._books.to(state, why=why, asked=None) if self._begin(step.name) else self._books.stand

    async def ended(self, tenant: UUID, run: UUID) -> None:
        """Nobody waits for its end."""


def task(key: str, owner: UUID, **more: Any) -> TaskBrief:
    return TaskBrief(uuid4(), key, more.pop("state", TaskState.READY), owner, **more)
