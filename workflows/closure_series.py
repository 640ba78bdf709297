"""A series begins the closes whose turn it is, each a workflow of its own, and follows them until nothing goes on."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from temporalio import workflow
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from activities.closure_series import SeriesActivities
    from application.closure_series.stand import MemberStep, Opened, SeriesStand, SeriesStep
    from domain.closures.run import workflow_id_of
    from domain.closures.series import MemberState, SeriesState
    from workflows import search
    from workflows.period_closure import PeriodClosureWorkflow
    from workflows.period_following import BOOKS
    from workflows.period_messages import LOOK, ClosureRequest
    from workflows.presets import TASK_TIMEOUT
    from workflows.way_back import unstoppable

PATIENCE = timedelta(minutes=15)
"""So often it looks at closes of which it hears nothing: those that it joined, and those that were begun anew."""
MOST_SHOWN = 30


@dataclass(frozen=True)
class SeriesRequest:
    """A run of more than `most_events` goes on in a new one; its closes get as many in each of theirs."""

    tenant: UUID
    series: UUID
    most_events: int = 0


@dataclass(frozen=True)
class SeriesResult:
    state: SeriesState
    why: str


@workflow.defn(name="ClosureSeriesWorkflow")
class ClosureSeriesWorkflow:
    @workflow.init
    def __init__(self, request: SeriesRequest) -> None:
        self._request = request
        self._step = SeriesStep(request.tenant, request.series)
        self._stand = SeriesStand(request.series, SeriesState.RUNNING)
        self._closes: list[workflow.ChildWorkflowHandle[Any, Any]] = []
        self._told = False

    @workflow.run
    async def run(self, request: SeriesRequest) -> SeriesResult:
        del request
        try:
            await self._do(SeriesActivities.look, "look")
            while self._told or not self._stand.at_rest:
                await self._go_on()
        except (asyncio.CancelledError, FailureError):
            if workflow.cancellation_reason() is not None:
                await unstoppable(self._call_off())
            raise
        return SeriesResult(self._stand.state, self._stand.why)

    @workflow.signal(name=LOOK)
    def look(self) -> None:
        self._told = True

    @workflow.query(name="status")
    def status(self) -> SeriesStand:
        return self._stand

    async def _go_on(self) -> None:
        """End what is to end, begin what is due, and wait until something has happened."""
        for key in self._stand.to_abort:
            await self._do_to(SeriesActivities.abort_close, key, "abort")
        while self._stand.due:
            await self._begin(self._stand.due[0])
        if not self._stand.at_rest:
            self._continue_as_new_if_long()
            await self._news()
        self._told = False
        await self._do(SeriesActivities.look, "look")

    async def _begin(self, key: str) -> None:
        """A close that was begun goes on by itself, whatever becomes of the series."""
        step = MemberStep(self._step.tenant, self._step.series, key)
        begun = await workflow.execute_activity_method(SeriesActivities.begin, step, summary=f"begin {key}", **BOOKS)
        self._adopt(begun.stand)
        if begun.opened is not None:
            with suppress(WorkflowAlreadyStartedError):  # whoever starts what waits was quicker
                self._closes.append(await self._started(begun.opened))

    async def _started(self, opened: Opened) -> workflow.ChildWorkflowHandle[Any, Any]:
        words, most = f"{opened.entity} {opened.period}", self._request.most_events
        return await workflow.start_child_workflow(
            PeriodClosureWorkflow.run,
            ClosureRequest(
                self._request.tenant, opened.run, opened.entity, opened.period, opened.mode, opened.attempt,
                most_events=most,
            ),
            id=workflow_id_of(self._request.tenant, opened.entity, opened.period),
            parent_close_policy=workflow.ParentClosePolicy.ABANDON,
            task_timeout=TASK_TIMEOUT,
            static_summary=f"Close of {words}, attempt {opened.attempt}",
            memo={search.RUN: str(opened.run)},
            search_attributes=search.of_close(
                self._request.tenant, (opened.entity, opened.period), opened.state.value, opened.requester
            ),
        )  # fmt: skip

    async def _news(self) -> None:
        """A close of its own has ended, or the database has moved on; after a while it looks without being told."""
        with suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self._told or any(each.done() for each in self._closes),
                timeout=PATIENCE,
                timeout_summary="until the closes are looked at",
            )
        for each in self._closes:
            if each.done() and not each.cancelled():
                each.exception()  # the database says how it ended
        self._closes = [each for each in self._closes if not each.done()]

    async def _call_off(self) -> None:
        """Cancelled from outside: what it began and has not closed is taken back."""
        await self._do(SeriesActivities.cancel, "cancel")
        for key in self._stand.to_abort:
            await self._do_to(SeriesActivities.abort_close, key, "abort")

    async def _do(self, effect: Any, what: str) -> None:
        self._adopt(await workflow.execute_activity_method(effect, self._step, summary=what, **BOOKS))

    async def _do_to(self, effect: Any, key: str, what: str) -> None:
        step = MemberStep(self._step.tenant, self._step.series, key)
        self._adopt(await workflow.execute_activity_method(effect, step, summary=f"{what} {key}", **BOOKS))

    def _continue_as_new_if_long(self) -> None:
        """Its closes go on; a new run hears of their end from the database."""
        info, most = workflow.info(), self._request.most_events
        if info.is_continue_as_new_suggested() or 0 < most <= info.get_current_history_length():
            workflow.continue_as_new(self._request)

    def _adopt(self, stand: SeriesStand) -> None:
        self._stand = stand
        search.show(stand.state.value, None, self._words())

    def _words(self) -> str:
        """What whoever opens the workflow reads: how many closes stand where, and each by itself."""
        stand = self._stand
        counted = [
            f"{count} {state.value}"
            for state in MemberState
            if (count := sum(each.state is state for each in stand.members))
        ]
        why = f" ({stand.why})" if stand.why else ""
        lines = [f"**{len(stand.members)} closes**: {stand.state.value}{why}", ", ".join(counted)]
        lines.append("\n".join(f"- {each.words}" for each in stand.members[:MOST_SHOWN]))
        return "\n\n".join(lines)
