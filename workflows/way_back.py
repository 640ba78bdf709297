"""What was exposed goes back, whoever asks, whatever fails, and nobody cancels that."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, ChildWorkflowError

with workflow.unsafe.imports_passed_through():
    from activities.converging import ConvergingActivities
    from activities.restoring import RestoringActivities
    from activities.rollouts import Exposure, Move, RolloutActivities
    from application.convergence import ConvergeWish
    from domain.rollouts import EXPOSED, TERMINAL, RollbackScope, State
    from workflows.presets import CALL, LASTING, PROBE, RESTORE
    from workflows.steering import Steered

INCOMPLETE_REMINDER = timedelta(minutes=30)
LOOK_FIRST, LOOK_LAST = timedelta(seconds=5), timedelta(seconds=30)


class WayBack(Steered):
    async def _roll_back(self, cause: str) -> None:
        kept = self._request.resumed
        if kept is not None and kept.incomplete:
            await self._until_asked_again(cause)
        async with self._one_at_a_time:
            if self._state not in {State.ROLLING_BACK, *TERMINAL}:
                await self._step(State.ROLLING_BACK, cause)
        self._cause = cause
        while self._state is State.ROLLING_BACK:
            try:
                state = await self._restored()
                self._show(state, cause)
            except ActivityError:
                await self._step(State.ROLLBACK_INCOMPLETE, "could_not_be_restored")
            if self._incomplete():
                await self._until_asked_again(cause)

    def _incomplete(self) -> bool:
        return self._state is State.ROLLBACK_INCOMPLETE

    async def _restored(self) -> State:
        """Write what was stable, and let the instances take it up; they get their time and no more."""
        state = await workflow.execute_activity_method(
            RestoringActivities.restore, self._named("restore"), summary="serve what was stable", **RESTORE
        )
        if state is not State.ROLLING_BACK:
            return state
        await self._taken_up()
        return await workflow.execute_activity_method(RestoringActivities.restored, self._named("restored"), **RESTORE)

    async def _take_back(self, stage: int) -> bool:
        """Whether this batch alone goes back: it is still to be served, and what was served before it stays."""
        batches = self._plan.batches
        if batches is None or batches.rollback is not RollbackScope.FAILED_BATCH:
            return False
        wish = Exposure(self._named(f"take-back:{stage}"), stage)
        state = await workflow.execute_activity_method(
            RestoringActivities.take_back, wish, summary="serve what was stable in this batch", **RESTORE
        )
        self._batch_back = self._progress.stage == stage
        self._show(state, self._cause)
        return True

    async def _taken_up(self) -> None:
        """Nothing waits for an instance that does not answer: what is stored is what is right."""
        until, pause = workflow.now() + self._plan.converge_limit, LOOK_FIRST
        while workflow.now() < until:
            wish = ConvergeWish(self._request.tenant, self._request.rollout, self._progress.stage, workflow.now())
            with suppress(ActivityError):
                converge = ConvergingActivities.converge
                seen = await workflow.execute_activity_method(converge, wish, summary="who holds it?", **PROBE)
                if seen.share >= self._plan.converge:
                    return
            await workflow.sleep(min(pause, until - workflow.now()))
            pause = min(pause * 2, LOOK_LAST)

    async def _until_asked_again(self, cause: str) -> None:
        """Only an operator ends this; until one does, somebody is called every half hour."""
        self._asked_again = False
        while not self._asked_again:
            if workflow.patched("calls-for-an-operator"):
                await self._call()
            try:
                await workflow.wait_condition(lambda: self._asked_again, timeout=INCOMPLETE_REMINDER)
            except TimeoutError:
                workflow.logger.error("a rollback is incomplete and waits for an operator")
                if self._long() and workflow.patched("waits-on-in-a-new-run"):
                    self._in_a_new_run(back=cause, incomplete=True)

    async def _call(self) -> None:
        with suppress(ActivityError):
            await workflow.execute_activity_method(
                RestoringActivities.page, self._named("page"), summary="call an operator", **CALL
            )

    async def _interrupted(self, error: BaseException) -> None:
        """A cancel from outside, or a step that was refused: what was exposed goes back, and what was not ends."""
        cause = _cause_of(error)
        if self._state in TERMINAL:
            return
        if self._state in EXPOSED:
            await self._roll_back(cause)
        else:
            await self._settle(State.CANCELLED, cause)
            if self._state is State.ROLLING_BACK:
                await self._roll_back(cause)

    async def _settle(self, state: State, cause: str) -> None:
        wish = Move(self._named("settle"), state, cause)
        self._show(await workflow.execute_activity_method(RolloutActivities.settle, wish, **LASTING), cause)


def _cause_of(error: BaseException) -> str:
    if workflow.cancellation_reason() is not None:
        return "workflow_cancelled"
    if isinstance(error, ActivityError) and isinstance(error.cause, ApplicationError):
        return (error.cause.type or "step_failed").replace("-", "_")
    return "approval_ended_abnormally" if isinstance(error, ChildWorkflowError) else "step_failed"


async def unstoppable(way_back: Coroutine[Any, Any, None]) -> None:
    """Going back is not cancelled: not by a person in the Temporal UI and not by a parent."""
    task = asyncio.create_task(way_back)
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.shield(task)
    await task
