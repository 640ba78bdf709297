"""A period is looked at, frozen, worked on, checked, approved and closed; what ends before that opens it again."""

import asyncio
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, ChildWorkflowError, FailureError

with workflow.unsafe.imports_passed_through():
    from activities.closures import ClosureActivities, Ending
    from domain.approvals import Standing
    from domain.closures.states import FROZEN, RunState
    from workflows.approval import ApprovalResult
    from workflows.period_following import BOOKS, Followed
    from workflows.period_messages import ClosureRequest, ClosureResult
    from workflows.period_votes import ended_from_outside, vote_begun
    from workflows.way_back import unstoppable

FENCE_PATIENCE = timedelta(minutes=15)
OPERATORS_PATIENCE = timedelta(hours=1)
VOTE_PATIENCE = timedelta(hours=1)
BOOKS_PATIENCE = timedelta(minutes=15)
"""So often a task is tried again that the close does itself."""
MOST_ATTEMPTS = 3
"""So often the modules are asked; after that somebody who operates them is called."""
ENDS = {
    Standing.REJECTED: RunState.REJECTED,
    Standing.EXPIRED: RunState.TIMED_OUT,
    Standing.WITHDRAWN: RunState.ABORTED,
}
"""How a close ends whose approval ended so."""


@workflow.defn(name="PeriodClosureWorkflow")
class PeriodClosureWorkflow(Followed):
    @workflow.init
    def __init__(self, request: ClosureRequest) -> None:
        super().__init__(request)

    @workflow.run
    async def run(self, request: ClosureRequest) -> ClosureResult:
        try:
            if request.kept is None:
                await self._do(ClosureActivities.stand, "look")
                await self._go_on_from_there()
            while not self._stand.over:
                await self._go_on()
        except (asyncio.CancelledError, FailureError) as error:
            await unstoppable(self._given_up(error))
            if workflow.cancellation_reason() is not None:
                await workflow.wait_condition(workflow.all_handlers_finished)
                raise
        await workflow.wait_condition(workflow.all_handlers_finished)
        return ClosureResult(self._stand.state, self._stand.why)

    async def _go_on_from_there(self) -> None:
        """A process that was lost had perhaps been told that the books have moved."""
        if self._stand.state in FROZEN:
            await self._look("look at the books")

    async def _go_on(self) -> None:
        """The order of a close; where it stands, the database says."""
        match self._stand.state:
            case RunState.INITIATED:
                await self._do(ClosureActivities.precheck, "precheck", only_in=RunState.INITIATED)
            case RunState.PRECHECK:
                await self._do(ClosureActivities.freeze, "freeze", only_in=RunState.PRECHECK)
            case RunState.FREEZING:
                await self._freeze()
            case RunState.TASKS | RunState.REMEDIATING:
                await self._work()
            case RunState.VALIDATING:
                await self._validate()
            case RunState.AWAITING_APPROVAL:
                await self._approve()
            case RunState.CLOSING:
                await self._do(ClosureActivities.close, "close", only_in=RunState.CLOSING)
            case RunState.NOTIFYING:
                await self._do(ClosureActivities.notify, "notify", only_in=RunState.NOTIFYING)

    async def _freeze(self) -> None:
        """Every module whose books are elsewhere has taken its gate over, or was left out by an operator."""
        if not self._stand.fences:
            await self._do(ClosureActivities.frozen, "frozen", only_in=RunState.FREEZING)
            return
        self._continue_as_new_if_long()
        until = workflow.now() + (FENCE_PATIENCE if self._attempts < MOST_ATTEMPTS else OPERATORS_PATIENCE)
        if await self._moved(RunState.FREEZING, until=until, why="until the modules have acknowledged"):
            self._fences_heard = False
            await self._do(ClosureActivities.stand, "acknowledged", only_in=RunState.FREEZING)
            return
        self._attempts += 1
        if self._attempts == MOST_ATTEMPTS:
            await self._do(ClosureActivities.call, "call an operator", only_in=RunState.FREEZING)
        elif self._attempts < MOST_ATTEMPTS:
            await self._do(ClosureActivities.ask_again, "ask the modules again", only_in=RunState.FREEZING)
        else:
            await self._do(ClosureActivities.stand, "look", only_in=RunState.FREEZING)

    async def _work(self) -> None:
        """Until it is worth validating; meanwhile whoever has a task is reminded of it."""
        if self._worth_validating():
            await self._validate()
            return
        self._continue_as_new_if_long()
        state, books = self._stand.state, workflow.now() + BOOKS_PATIENCE
        moments = [each.at for each in self._reminders()[:1]] + [books] * self._stand.waits_for_books
        if not await self._moved(state, until=min(moments, default=None), why="until a task is due"):
            await self._remind()
            if self._stand.waits_for_books and workflow.now() >= books:
                await self._look("look at the books")

    async def _validate(self) -> None:
        """What is asked of the approvers is what was checked just before."""
        self._again, self._checking = False, True
        try:
            await self._do(ClosureActivities.validate, "validate", only_in=self._stand.state)
            if not self._stand.blockers:
                await self._do(ClosureActivities.ask, "ask for approval", only_in=RunState.VALIDATING)
        finally:
            self._checking = False

    async def _approve(self) -> None:
        vote = await self._voted()
        if vote is None:
            await self._do(ClosureActivities.stand, "look", only_in=RunState.AWAITING_APPROVAL)
            return
        if self._stand.state is not RunState.AWAITING_APPROVAL:
            return
        if vote.passes:
            await self._do(ClosureActivities.close, "close", only_in=RunState.AWAITING_APPROVAL)
            return
        await self._do(ClosureActivities.stand, "look", only_in=RunState.AWAITING_APPROVAL)
        if self._stand.state is RunState.AWAITING_APPROVAL:
            await self._end(ENDS.get(vote, RunState.FAILED_OPERATOR), vote.value.lower())

    async def _voted(self) -> Standing | None:
        """How the request ended; also when it was called off, and then where the close stands says why.

        None when its process was ended from outside: votes that were counted are kept, and it is begun again.
        """
        asked = self._stand.asked
        if asked is None:
            raise ApplicationError("a close awaits an approval that nobody asked for", non_retryable=True)
        self._vote = await vote_begun(self._request.tenant, asked)
        await self._call_off()
        await self._watch(self._vote)
        vote, self._vote = self._vote, None
        try:
            result: ApprovalResult = await vote
        except ChildWorkflowError as error:
            if self._stand.state is not RunState.AWAITING_APPROVAL or ended_from_outside(error):
                return None
            raise
        return result.standing

    async def _watch(self, vote: workflow.ChildWorkflowHandle[Any, Any]) -> None:
        """Until it has ended: nobody votes for long on books that have moved."""
        while not vote.done():
            try:
                await workflow.wait_condition(
                    vote.done, timeout=VOTE_PATIENCE, timeout_summary="until the books are looked at"
                )
            except TimeoutError:
                await self._look("look at the books")

    async def _end(self, state: RunState, why: str) -> None:
        """The gates are as they were before it, and what is closed by now stays closed."""
        async with self._one_at_a_time:
            if self._stand.over:
                return
            wish = Ending(self._named(state.value.lower()), state, why)
            self._adopt(
                await workflow.execute_activity_method(
                    ClosureActivities.end, wish, summary=f"{state.value}: {why}", **BOOKS
                )
            )

    async def _given_up(self, error: BaseException) -> None:
        """Cancelled from outside, or a step of it was refused."""
        if workflow.cancellation_reason() is not None:
            await self._end(RunState.ABORTED, "workflow_cancelled")
        else:
            await self._end(RunState.FAILED_OPERATOR, _cause_of(error))
        await self._call_off()
        await self._do(ClosureActivities.notify, "notify", only_in=RunState.NOTIFYING)


def _cause_of(error: BaseException) -> str:
    if isinstance(error, ActivityError) and isinstance(error.cause, ApplicationError):
        return (error.cause.type or "step_failed").replace("-", "_")
    return "approval_ended_abnormally" if isinstance(error, ChildWorkflowError) else "step_failed"
