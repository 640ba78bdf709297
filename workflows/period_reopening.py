"""A reopening is voted on, opened, shut when its window ends, and over when closes have certified it anew."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    ChildWorkflowError,
    FailureError,
    is_cancelled_exception,
)

with workflow.unsafe.imports_passed_through():
    from activities.reopenings import GivingUp, ReopeningActivities, WindowEnds
    from application.reopenings.stand import ReopenStand, ReopenStep
    from domain.approvals import Standing
    from domain.closures.reminders import BEFORE_IT_ENDS, Reminder, reminders
    from domain.closures.windows import ReopeningState
    from workflows.approval import ApprovalResult
    from workflows.period_following import BOOKS
    from workflows.period_messages import LOOK, ReopenRequest, ReopenResult
    from workflows.period_votes import ended_from_outside, vote_begun
    from workflows.presets import REMIND
    from workflows.way_back import unstoppable

_A_MOMENT = timedelta(seconds=1)
"""The window ends by the clock of the database; a timer may be ahead of it."""
CLOSE_PATIENCE = timedelta(hours=6)
"""So long a close goes on before it is looked at; one that ends says so."""
ENDS = {
    Standing.REJECTED: ReopeningState.REJECTED,
    Standing.EXPIRED: ReopeningState.TIMED_OUT,
    Standing.WITHDRAWN: ReopeningState.ABORTED,
}
"""How it ends when its approval ended so."""


@dataclass(frozen=True)
class _Window:
    due_at: datetime | None
    key: str = "window"


@workflow.defn(name="PeriodReopenWorkflow")
class PeriodReopenWorkflow:
    @workflow.init
    def __init__(self, request: ReopenRequest) -> None:
        self._request = request
        self._step = ReopenStep(request.tenant, request.reopening)
        self._stand = ReopenStand(request.reopening, ReopeningState.ASKED)
        self._told = False
        self._reminded = workflow.now()

    @workflow.run
    async def run(self, request: ReopenRequest) -> ReopenResult:
        del request
        try:
            await self._do(ReopeningActivities.stand, "look")
            while not self._stand.over:
                await self._go_on()
        except (asyncio.CancelledError, FailureError) as error:
            await unstoppable(self._given_up(error))
            if workflow.cancellation_reason() is not None:
                raise
        return ReopenResult(self._stand.state, self._stand.why)

    @workflow.signal(name=LOOK)
    def look(self) -> None:
        self._told = True

    @workflow.query(name="status")
    def status(self) -> ReopenStand:
        return self._stand

    async def _go_on(self) -> None:
        match self._stand.state:
            case ReopeningState.ASKED:
                await self._approve()
            case ReopeningState.OPEN:
                await self._wait()
            case ReopeningState.SHUT:
                await self._certify()

    async def _approve(self) -> None:
        vote = await self._voted()
        if vote is None:
            await self._do(ReopeningActivities.stand, "look")
        elif vote.passes:
            await self._do(ReopeningActivities.open, "open")
            self._reminded = workflow.now()
        else:
            await self._end(ENDS.get(vote, ReopeningState.FAILED_OPERATOR), vote.value.lower())

    async def _voted(self) -> Standing | None:
        """None when its process was ended from outside: votes that were counted are kept, and it is begun again."""
        asked = self._stand.asked
        if asked is None:
            raise ApplicationError("a reopening awaits an approval that nobody asked for", non_retryable=True)
        vote = await vote_begun(self._request.tenant, asked)
        try:
            result: ApprovalResult = await vote
        except ChildWorkflowError as error:
            if workflow.cancellation_reason() is None and ended_from_outside(error):
                return None
            raise
        return result.standing

    async def _wait(self) -> None:
        """Until the window's end, or until it was shut or is used up; the database judges by its own clock."""
        ends = (self._stand.open_until or workflow.now()) + _A_MOMENT
        coming = self._reminders()
        until = coming[0].at if coming else ends
        if await self._heard(until - workflow.now(), "until the window's end") or workflow.now() >= ends:
            await self._do(ReopeningActivities.shut, "shut")
        else:
            await self._remind()

    async def _certify(self) -> None:
        """One close after the other; each is a process of its own."""
        await self._do(ReopeningActivities.recertify, "certify anew")
        if self._stand.state is ReopeningState.SHUT:
            await self._heard(CLOSE_PATIENCE, "until a close has ended")

    async def _heard(self, patience: timedelta, why: str) -> bool:
        try:
            await workflow.wait_condition(lambda: self._told, timeout=max(patience, timedelta(0)), timeout_summary=why)
        except TimeoutError:
            return False
        self._told = False
        return True

    def _reminders(self) -> list[Reminder]:
        return reminders([_Window(self._stand.open_until)], self._reminded, BEFORE_IT_ENDS)

    async def _remind(self) -> None:
        """That one could not be written stops nothing."""
        now = workflow.now()
        due = [each.at for each in self._reminders() if each.at <= now]
        self._reminded = now
        for at in due[-1:]:
            wish = WindowEnds(self._step, at)
            try:
                await workflow.execute_activity_method(ReopeningActivities.remind, wish, summary="remind", **REMIND)
            except FailureError as error:
                if is_cancelled_exception(error):
                    raise
                workflow.logger.warning("a reminder could not be written")

    async def _do(self, effect: Any, what: str) -> None:
        self._stand = await workflow.execute_activity_method(effect, self._step, summary=what, **BOOKS)

    async def _end(self, state: ReopeningState, why: str) -> None:
        wish = GivingUp(self._step, state, why)
        self._stand = await workflow.execute_activity_method(
            ReopeningActivities.end, wish, summary=f"{state.value}: {why}", **BOOKS
        )

    async def _given_up(self, error: BaseException) -> None:
        """Cancelled from outside, or a step was refused. What is open stays open until its end, as was approved."""
        if workflow.cancellation_reason() is not None:
            await self._end(ReopeningState.ABORTED, "workflow_cancelled")
        else:
            await self._end(ReopeningState.FAILED_OPERATOR, _cause_of(error))


def _cause_of(error: BaseException) -> str:
    if isinstance(error, ActivityError) and isinstance(error.cause, ApplicationError):
        return (error.cause.type or "step_failed").replace("-", "_")
    return "approval_ended_abnormally" if isinstance(error, ChildWorkflowError) else "step_failed"
