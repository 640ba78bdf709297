"""Before anybody sees a change it is approved, waits for its moment and its turn, and is admitted."""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from temporalio import workflow
from temporalio.exceptions import ChildWorkflowError, FailureError

with workflow.unsafe.imports_passed_through():
    from activities.rollouts import RolloutActivities
    from application.admission import Admission
    from application.balloting import ENDS
    from domain.approvals import Standing
    from domain.rollouts import DUE, TERMINAL, WAITING, State
    from workflows.approval import ApprovalResult, ApprovalWorkflow
    from workflows.operated import SUPERSEDED
    from workflows.presets import LASTING, TASK_TIMEOUT
    from workflows.steering import Stopped
    from workflows.way_back import WayBack

LONGEST_WAIT = timedelta(hours=1)
"""Whoever waits for a turn asks for it by himself at least so often: a signal may get lost."""
SHORTEST_WAIT = timedelta(seconds=1)


class Waiting(WayBack):
    async def _approved(self) -> bool:
        """Ask, be admitted, and ask again when a vote no longer counted; False when the rollout has ended."""
        opened_at = self._opened_at = self._opened_at or workflow.now()
        while True:
            if self._state not in WAITING:
                standing = await self._asked(opened_at)
                if self._state in TERMINAL:
                    return False
                if not standing.passes:
                    await self._settle(ENDS[standing], standing.value.lower())
                    return False
                if standing is Standing.BYPASSED:
                    self._request = replace(self._request, emergency=True)
                await self._wait_until_due()
            if self._state in TERMINAL:
                return False
            admission = await self._admitted()
            if admission.state is not State.AWAITING_APPROVAL:
                return admission.state is State.RUNNING

    async def _asked(self, opened_at: datetime) -> Standing:
        request = replace(self._request.approval, opened_at=opened_at)
        self._approval = await workflow.start_child_workflow(
            ApprovalWorkflow.run,
            request,
            id=f"approval/{request.approval}",
            parent_close_policy=workflow.ParentClosePolicy.REQUEST_CANCEL,
            task_timeout=TASK_TIMEOUT,
            static_summary=f"Approval of {request.title}",
            search_attributes=workflow.info().typed_search_attributes,
        )
        try:
            result: ApprovalResult = await self._approval
        except ChildWorkflowError:
            if self._state in TERMINAL:
                return Standing.WITHDRAWN
            raise
        return result.standing

    async def _wait_until_due(self) -> None:
        """What is approved early waits for its moment; who may stop or start it, or breaks the glass, ends the wait."""
        due = self._plan.apply_at
        if due is None or due <= workflow.now() or self._request.emergency:
            return
        async with self._one_at_a_time:
            if self._state in TERMINAL:
                return
            self._turn = False
            await self._step(State.SCHEDULED, DUE)
        hears = workflow.patched("called-before-its-moment")
        with suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self._urgent or self._state is not State.SCHEDULED or (hears and self._turn),
                timeout=due - workflow.now(),
                timeout_summary=f"applies at {due.isoformat(timespec='minutes')}",
            )
        await workflow.wait_condition(lambda: not self._one_at_a_time.locked())

    async def _admitted(self) -> Admission:
        """Ask until it need not wait any more: for a window, for a freeze to end, or for whoever holds the target."""
        while True:
            self._turn = False
            admit = RolloutActivities.admit
            admission = await workflow.execute_activity_method(
                admit, self._named("admit"), summary="may it start?", **LASTING
            )
            if self._state in TERMINAL:
                return Admission(self._state)
            self._raise_if_stopped_meanwhile(admission)
            if admission.emergency:
                self._request = replace(self._request, emergency=True)
            self._stages = admission.stages or self._stages
            self._progress = self._progress.next(admission.stage, workflow.now())
            self._show(admission.state, admission.why)
            if admission.took_over is not None:
                await self._relieve(admission.took_over)
            if admission.state not in WAITING:
                return admission
            await self._wait_for_turn(admission.until)
            if self._state in TERMINAL:
                return Admission(self._state)
            self._continue_as_new_if_long()

    async def _relieve(self, older: UUID) -> None:
        """What was taken over looks at nothing any more."""
        with suppress(FailureError):  # it has ended by itself
            await workflow.get_external_workflow_handle(f"rollout/{older}").signal(SUPERSEDED)

    def _raise_if_stopped_meanwhile(self, admission: Admission) -> None:
        """It was admitted and sent back at once: of the two answers either may be the first to arrive."""
        sent_back = self._stop is not None or admission.state is State.ROLLING_BACK
        if sent_back and workflow.patched("sent-back-when-admitted"):
            cause = self._stop or admission.why
            self._show(State.ROLLING_BACK, cause)
            raise Stopped(cause)

    async def _wait_for_turn(self, until: datetime | None) -> None:
        now = workflow.now()
        left = min(LONGEST_WAIT, max(until - now, SHORTEST_WAIT)) if until else LONGEST_WAIT
        with suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self._turn or self._state in TERMINAL, timeout=left, timeout_summary="until its turn"
            )
        await workflow.wait_condition(lambda: not self._one_at_a_time.locked())
