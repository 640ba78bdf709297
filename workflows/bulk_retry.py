"""A bulk operation reaches few parked commands first, waits for what becomes of them, and then reaches more."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.bulks import BulkActivities
    from application.bulks.stand import BulkStand, BulkStep, Next
    from domain.commands.bulk import BulkState, ItemOutcome
    from domain.commands.operations import Act
    from workflows import search
    from workflows.period_following import BOOKS
    from workflows.period_messages import LOOK
    from workflows.second_person import answer_of

PATIENCE = timedelta(minutes=15)
"""So often it looks while a person has paused it."""
SHORTEST, LONGEST = timedelta(seconds=0.25), timedelta(seconds=10)
"""Between two looks at what becomes of a stage: longer each time."""


@dataclass(frozen=True)
class BulkRequest:
    """Ids only. A run of more than `most_events` goes on in a new one; with 0, only when Temporal suggests it."""

    tenant: UUID
    bulk: UUID
    most_events: int = 0


@dataclass(frozen=True)
class BulkResult:
    state: BulkState
    why: str


@workflow.defn(name="BulkRetryWorkflow")
class BulkRetryWorkflow:
    @workflow.init
    def __init__(self, request: BulkRequest) -> None:
        self._request = request
        self._step = BulkStep(request.tenant, request.bulk)
        self._stand = BulkStand(request.bulk, Act.RETRY, BulkState.RUNNING, Next.WAIT)
        self._told = False
        self._pause = SHORTEST

    @workflow.run
    async def run(self, request: BulkRequest) -> BulkResult:
        del request
        await self._do(BulkActivities.look, "look")
        while self._told or self._stand.next is not Next.END:
            self._continue_as_new_if_long()
            await self._go_on()
        return BulkResult(self._stand.state, self._stand.why)

    @workflow.signal(name=LOOK)
    def look(self) -> None:
        self._told = True

    @workflow.query(name="status")
    def status(self) -> BulkStand:
        return self._stand

    async def _go_on(self) -> None:
        """What a person did since is written; each step reads it again, so that it goes before."""
        stage = f"stage {self._stand.stage} of {self._stand.stages}"
        match self._stand.next:
            case Next.VOTE:
                await self._approve()
            case Next.ACT:
                await self._do(BulkActivities.act, stage)
                self._pause = SHORTEST
                await self._rest(timedelta(seconds=self._stand.rest), "until the next batch")
            case Next.SETTLE:
                await self._rest(self._pause, f"until {stage} has settled")
                self._pause = min(2 * self._pause, LONGEST)
                await self._do(BulkActivities.settle, f"has {stage} settled?")
            case _:
                await self._rest(PATIENCE, "until a person lets it go on")
                await self._do(BulkActivities.look, "look")

    async def _approve(self) -> None:
        if self._stand.asked is not None:
            await answer_of(self._request.tenant, self._stand.asked)
        await self._do(BulkActivities.answered, "may it begin?")

    async def _rest(self, patience: timedelta, why: str) -> None:
        """Shorter where a person has done something meanwhile."""
        if patience <= timedelta(0):
            return
        with suppress(TimeoutError):
            await workflow.wait_condition(lambda: self._told, timeout=patience, timeout_summary=why)

    async def _do(self, effect: Any, what: str) -> None:
        self._told = False
        self._stand = await workflow.execute_activity_method(effect, self._step, summary=what, **BOOKS)
        search.show(self._stand.state.value, round(self._stand.percent), self._words())

    def _continue_as_new_if_long(self) -> None:
        info, most = workflow.info(), self._request.most_events
        if info.is_continue_as_new_suggested() or 0 < most <= info.get_current_history_length():
            workflow.continue_as_new(self._request)

    def _words(self) -> str:
        """What whoever opens the workflow reads."""
        stand = self._stand
        why = f" ({stand.why})" if stand.why else ""
        counted = dict(stand.outcomes)
        lines = [f"**{stand.act.value} of {stand.total} parked commands**: {stand.state.value}{why}"]
        lines.append(f"stage {stand.stage} of {stand.stages}")
        lines.append(", ".join(f"{counted[each]} {each.value}" for each in ItemOutcome if counted.get(each)))
        return "\n\n".join(line for line in lines if line)
