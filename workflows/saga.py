"""A process sends the command of each step when the one before is done, and undoes what was done when one fails."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.sagas import SagaActivities
    from application.sagas.stand import SagaStand, SagaStep
    from domain.sagas.saga import Turn
    from domain.sagas.states import SagaState
    from workflows import search
    from workflows.period_messages import LOOK
    from workflows.presets import LASTING
    from workflows.way_back import unstoppable

FIRST_LOOK, LAST_LOOK = timedelta(minutes=1), timedelta(minutes=30)
"""So soon it looks without being told, and less and less often where nothing moves."""
SOON = timedelta(seconds=2)
"""And where what is not wanted any more has begun all the same, and is waited for."""
_A_MOMENT = timedelta(seconds=1)
"""The time of a step is up by the clock of the database; a timer may be ahead of it."""


@dataclass(frozen=True)
class SagaRequest:
    """A run of more than `most_events` goes on in a new one; with 0, only when Temporal suggests it."""

    tenant: UUID
    type: str
    id: str
    most_events: int = 0


@dataclass(frozen=True)
class SagaResult:
    state: SagaState
    why: str


@workflow.defn(name="SagaWorkflow")
class SagaWorkflow:
    @workflow.init
    def __init__(self, request: SagaRequest) -> None:
        self._request = request
        self._step = SagaStep(request.tenant, request.type, request.id)
        self._stand = SagaStand(SagaState.STARTED, Turn.PLAN, 0)
        self._patience = FIRST_LOOK
        self._told = False

    @workflow.run
    async def run(self, request: SagaRequest) -> SagaResult:
        del request
        try:
            await self._carry_on()
        except asyncio.CancelledError:
            await unstoppable(self._go_back())
            raise
        return SagaResult(self._stand.state, self._stand.why)

    @workflow.signal(name=LOOK)
    def look(self) -> None:
        self._told = True

    @workflow.query(name="status")
    def status(self) -> SagaStand:
        return self._stand

    async def _carry_on(self) -> None:
        await self._look()
        while self._told or not self._stand.over:
            match self._stand.turn:
                case Turn.PLAN:
                    await self._do(SagaActivities.plan, "plan")
                case Turn.SEND:
                    await self._do(SagaActivities.send, f"send {self._stand.name}")
                case Turn.UNDO:
                    await self._do(SagaActivities.undo, f"undo {self._stand.name}")
                case _:
                    await self._wait()
                    await self._look()

    async def _wait(self) -> None:
        """Until the database has moved, until the time of a step is up, or for a while."""
        self._continue_as_new_if_long()
        patience, due = self._patience, self._stand.due_at
        if due is not None and not self._stand.calling_off:
            patience = min(patience, max(due - workflow.now(), timedelta(0)) + _A_MOMENT)
        try:
            await workflow.wait_condition(lambda: self._told, timeout=patience, timeout_summary="until it looks")
        except TimeoutError:
            self._patience = min(self._patience * 2, LAST_LOOK)

    async def _look(self) -> None:
        self._told = False
        await self._do(SagaActivities.look, "look")

    async def _go_back(self) -> None:
        """Cancelled from outside: what was done is undone."""
        await self._do(SagaActivities.turn, "turn back")
        await self._carry_on()

    async def _do(self, effect: Any, what: str) -> None:
        stand: SagaStand = await workflow.execute_activity_method(effect, self._step, summary=what, **LASTING)
        if (stand.version, stand.calling_off) != (self._stand.version, self._stand.calling_off):
            self._patience = SOON if stand.calling_off else FIRST_LOOK
        self._stand = stand
        search.show(stand.state.value, None, self._words())

    def _continue_as_new_if_long(self) -> None:
        """A run that was cancelled goes back by itself: a new one would not know that it is to end."""
        info, most = workflow.info(), self._request.most_events
        if workflow.cancellation_reason() is not None:
            return
        if info.is_continue_as_new_suggested() or 0 < most <= info.get_current_history_length():
            workflow.continue_as_new(self._request)

    def _words(self) -> str:
        """What whoever opens the workflow reads: where each step stands."""
        stand = self._stand
        why = f" ({stand.why})" if stand.why else ""
        lines = [f"**{self._request.type} {self._request.id}**: {stand.state.value}{why}"]
        lines.append("\n".join(f"- {each.words}" for each in stand.steps))
        return "\n\n".join(lines)
