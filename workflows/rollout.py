"""A change is approved, admitted, exposed stage by stage while its gates pass, and otherwise taken back by itself."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import (
    ActivityError,
    ChildWorkflowError,
    FailureError,
    is_cancelled_exception,
)

with workflow.unsafe.imports_passed_through():
    from activities.rollouts import Exposure, RolloutActivities
    from application.balloting import ENDS
    from application.gating import CheckWish
    from domain.approvals import Standing
    from domain.gates import StageClock, Verdict
    from domain.rollouts import (
        TERMINAL,
        Decision,
        Outcome,
        Progress,
        State,
        Timing,
        decide,
    )
    from workflows.approval import ApprovalResult, ApprovalWorkflow
    from workflows.messages import Resumed, RolloutRequest, RolloutResult
    from workflows.presets import LASTING, PROBE, RECORD, TASK_TIMEOUT
    from workflows.steering import Stopped
    from workflows.way_back import WayBack, unstoppable


@workflow.defn(name="FeatureRolloutWorkflow")
class FeatureRolloutWorkflow(WayBack):
    @workflow.init
    def __init__(self, request: RolloutRequest) -> None:
        super().__init__(request)

    @workflow.run
    async def run(self, request: RolloutRequest) -> RolloutResult:
        try:
            self._raise_if_stopped()
            await self._proceed(request.resumed)
        except Stopped as stop:
            await unstoppable(self._roll_back(stop.cause))
        except (asyncio.CancelledError, FailureError) as error:
            await unstoppable(self._interrupted(error))
            if workflow.cancellation_reason() is not None:
                await workflow.wait_condition(workflow.all_handlers_finished)
                raise
        await workflow.wait_condition(workflow.all_handlers_finished)
        return RolloutResult(self._state, self._cause)

    async def _proceed(self, kept: Resumed | None) -> None:
        if kept is None and not await self._approved():
            return
        stages = range(kept.progress.stage if kept else 0, len(self._plan.stages))
        last = stages[-1]
        for stage in stages:
            resuming = kept is not None and kept.progress.stage == stage
            if not resuming:
                await self._expose(stage)
            if stage != last:
                await self._soak()
        await self._bake(kept.baking_until if kept else None)
        async with self._one_at_a_time:
            self._raise_if_stopped()
            await self._step(State.SUCCEEDED, "completed")

    # --- before anybody sees it

    async def _approved(self) -> bool:
        """Ask, be admitted, and ask again when a vote no longer counted; False when the rollout has ended."""
        opened_at = workflow.now()
        while True:
            standing = await self._asked(opened_at)
            if self._state in TERMINAL:
                return False
            if not standing.passes:
                await self._settle(ENDS[standing], standing.value.lower())
                return False
            await self._wait_until_due()
            if self._state in TERMINAL:
                return False
            admit = RolloutActivities.admit
            admission = await workflow.execute_activity_method(
                admit, self._named("admit"), summary="may it start?", **LASTING
            )
            self._show(admission.state, admission.why)
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
        """What is approved early waits for its moment; whoever may stop a rollout ends the wait."""
        due = self._plan.apply_at
        if due is None or due <= workflow.now():
            return
        async with self._one_at_a_time:
            if self._state in TERMINAL:
                return
            await self._step(State.SCHEDULED, "waits_until_due")
        with suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self._state in TERMINAL,
                timeout=due - workflow.now(),
                timeout_summary=f"applies at {due.isoformat(timespec='minutes')}",
            )
        await workflow.wait_condition(lambda: not self._one_at_a_time.locked())

    # --- while it is exposed

    async def _expose(self, stage: int) -> None:
        percent = self._plan.stages[stage].percent
        async with self._when_not_held():
            wish = Exposure(self._named(f"expose:{stage}"), stage)
            try:
                await workflow.execute_activity_method(
                    RolloutActivities.expose, wish, summary=f"serve {percent:g} %", **RECORD
                )
            except ActivityError as error:
                if is_cancelled_exception(error):
                    raise
                raise Stopped("could_not_be_applied") from error
            self._progress = Progress(stage, workflow.now())
            self._next_check = workflow.now() + self._plan.initial_delay
            self._show(State.RUNNING, f"serving {percent:g} %")

    async def _soak(self) -> None:
        """Check until the gate passes or somebody promotes; raise Stopped when it is to go back."""
        while True:
            self._continue_as_new_if_long()
            await self._until(self._next_check)
            if self._took_promotion():
                return
            timing = await self._judge(control_expected=True)
            async with self._one_at_a_time:
                self._raise_if_stopped()
                if self._took_promotion():
                    return
                outcome = decide(self._plan, self._progress, timing)
                self._progress = outcome.progress
                if await self._follow(outcome):
                    return

    async def _follow(self, outcome: Outcome) -> bool:
        match outcome.decision:
            case Decision.ROLL_BACK:
                raise Stopped(outcome.cause)
            case Decision.HOLD:
                await self._step(State.PAUSED, outcome.cause)
            case Decision.RELEASE:
                await self._step(State.RUNNING, outcome.cause)
            case Decision.WAIT:
                self._show(self._state, outcome.cause)
            case Decision.ADVANCE:
                self._show(self._state, outcome.cause)
        return outcome.decision is Decision.ADVANCE

    async def _bake(self, kept_until: datetime | None) -> None:
        """Watch what everybody now gets; a blind end is no clean end."""
        until = kept_until or workflow.now() + self._plan.bake
        if kept_until is None:
            async with self._when_not_held():
                await self._step(State.BAKING, "all_stages_passed")
                self._progress = Progress(self._progress.stage, workflow.now())
        while workflow.now() < until or self._progress.blind_since is not None:
            self._continue_as_new_if_long(until)
            if not self._plan.gated:
                await self._until(until)
                continue
            await self._until(min(self._next_check, until) if workflow.now() < until else self._next_check)
            timing = await self._judge(control_expected=False)
            self._raise_if_stopped()
            outcome = decide(self._plan, self._progress, timing)
            self._progress = replace(outcome.progress, hold=None, held_since=None)
            if outcome.decision is Decision.ROLL_BACK:
                raise Stopped(outcome.cause)
        self._raise_if_stopped()

    async def _judge(self, *, control_expected: bool) -> Timing:
        """One check, however long the gap since the last; that it could not be made is blindness, not health."""
        now, stage = workflow.now(), self._plan.stages[self._progress.stage]
        soaked = now - self._progress.started_at
        self._checks += 1
        self._next_check = now + self._plan.check_interval
        clock = StageClock(
            self._progress.stage,
            soaked.total_seconds(),
            stage.min_soak.total_seconds(),
            soaked >= stage.max_soak,
            control_expected,
        )
        at = now - self._plan.late_grace
        wish = CheckWish(self._request.tenant, self._request.rollout, self._checks, at, clock)
        try:
            answer = await workflow.execute_activity_method(
                RolloutActivities.check, wish, summary=f"check {self._checks} at {stage.percent:g} %", **PROBE
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            return Timing(Verdict.PROVIDER_ERROR, workflow.now())
        self._sentence = answer.sentence
        return Timing(answer.verdict, workflow.now(), answer.silent)
