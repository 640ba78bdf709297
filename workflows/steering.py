"""Where a rollout's workflow stands, how a step is written, and how it follows what people ask."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NoReturn

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.rollouts import Move, RolloutActivities
    from application.controls import Control
    from application.progression import Step
    from domain.rollouts import (
        EXPOSED,
        TERMINAL,
        HoldReason,
        Progress,
        State,
        Verb,
        cause_of,
        check_control,
        next_deadline,
        waits_until,
    )
    from workflows import search
    from workflows.messages import Resumed, RolloutRequest
    from workflows.operated import Operated
    from workflows.presets import LASTING, RECORD
    from workflows.refusals import said, typed


class Stopped(Exception):
    """Somebody or something decided that the change goes back."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class Steered(Operated):
    def __init__(self, request: RolloutRequest) -> None:
        self._request = request
        self._plan = request.plan
        kept = request.resumed
        self._state = kept.state if kept else State.AWAITING_APPROVAL
        self._progress = kept.progress if kept else Progress(0, workflow.now())
        self._next_check = kept.next_check if kept else workflow.now()
        self._checks = kept.checks if kept else 0
        self._steps = kept.steps if kept else 0
        self._sentence = kept.sentence if kept else ""
        self._opened_at = kept.opened_at if kept else None
        self._stages = (kept.stages if kept else None) or len(request.plan.stages)
        self._cause = ""
        self._stop = kept.back if kept else None
        self._promoted = False
        self._batch_back = False
        self._asked_again = False
        self._turn = False
        self._urgent = False
        self._approval: workflow.ChildWorkflowHandle[Any, Any] | None = None
        self._one_at_a_time = asyncio.Lock()

    def killed(self) -> None:
        """The kill switch has written the target; the fence holds whether or not this arrives."""
        if self._state in EXPOSED:
            self._stop = self._stop or "killed"

    def turn(self) -> None:
        """Whether it really may start is asked of the database."""
        self._turn = True

    def urgent(self) -> None:
        """Whether it really is an emergency is asked of the database."""
        self._urgent = self._turn = True

    def superseded(self) -> None:
        """A newer rollout has taken the target over, or waits for it."""
        if self._state in EXPOSED:
            self._stop = self._stop or "superseded"

    def check(self, verb: Verb) -> None:
        with typed():
            check_control(verb, self._state, self._progress.verdict)

    async def act(self, verb: Verb, assertion: str) -> State:
        """The database checks who may and records who did; then this workflow follows."""
        async with self._one_at_a_time:
            step = self._named(f"act:{verb.value}")
            control = Control(step.tenant, step.rollout, verb, assertion, step.name, step.at)
            with said():
                state = await workflow.execute_activity_method(
                    RolloutActivities.control, control, summary=verb.value, **RECORD
                )
            self._follow_act(verb, state)
        return state

    def _follow_act(self, verb: Verb, state: State) -> None:
        if verb is Verb.PAUSE:
            self._progress = self._progress.held(HoldReason.OPERATOR, workflow.now())
        elif state is State.RUNNING:
            self._progress = self._progress.released()
            self._promoted = verb is Verb.PROMOTE
        self._show(state, cause_of(verb))
        if state is State.ROLLING_BACK:
            self._stop = cause_of(verb)
            self._asked_again = True
        elif verb is Verb.ACCEPT:
            self._asked_again = True
        elif verb is Verb.START:
            self._turn = True
        elif state in TERMINAL and self._approval is not None:
            self._approval.cancel()

    async def _step(self, state: State, cause: str) -> None:
        """Write a change of state that has no other effect."""
        wish = Move(self._named(state.value.lower()), state, cause)
        move = RolloutActivities.move
        summary = f"{state.value}: {cause}"
        self._show(await workflow.execute_activity_method(move, wish, summary=summary, **LASTING), cause)

    def _named(self, what: str) -> Step:
        """A step of this rollout, counted so that no two have one name, in whichever run."""
        self._steps += 1
        return Step(self._request.rollout, self._request.tenant, f"{self._steps}:{what}", workflow.now())

    def _show(self, state: State, cause: str) -> None:
        self._state, self._cause = state, cause
        exposed = self._state in EXPOSED or self._state is State.SUCCEEDED
        percent = self._percent(self._progress.stage - self._batch_back) if exposed else 0.0
        search.show(state.value, percent, self._words(percent))

    def _percent(self, stage: int) -> float:
        return self._plan.percent(stage, self._stages)

    def _words(self, percent: float) -> str:
        """What whoever opens the workflow reads: where it stands, which stage that is, what it waits for and why."""
        place = f"**{self._request.key}** in {self._request.environment.value}"
        lines = [f"{place}: {self._state.value} at {percent:g} % ({self._cause})"]
        lines.append(f"{self._plan.strategy.value}, stage {self._progress.stage + 1} of {self._stages}")
        deadline = next_deadline(self._plan, self._progress)
        due = waits_until(self._plan, self._state, self._cause)
        if due is not None:
            lines.append(f"starts at {due.isoformat(timespec='minutes')} at the earliest")
        if self._progress.hold is not None and deadline is not None:
            lines.append(f"held for {self._progress.hold.value} until {deadline.isoformat(timespec='minutes')}")
        return "\n\n".join([*lines, self._sentence])

    async def _until(self, moment: datetime) -> None:
        """Wait for the moment, or less when somebody stops or promotes."""
        left = max(moment - workflow.now(), timedelta(0))
        with suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self._stop is not None or self._promoted, timeout=left, timeout_summary="until the next check"
            )
        await workflow.wait_condition(lambda: not self._one_at_a_time.locked())
        self._raise_if_stopped()

    @asynccontextmanager
    async def _when_not_held(self) -> AsyncIterator[None]:
        """Act alone, once nothing holds what is still to be done; a hold has an end (I8)."""
        while True:
            async with self._one_at_a_time:
                self._raise_if_stopped()
                if self._progress.hold is None:
                    yield
                    return
            deadline = next_deadline(self._plan, self._progress) or workflow.now()
            try:
                await workflow.wait_condition(
                    lambda: self._stop is not None or self._progress.hold is None,
                    timeout=max(deadline - workflow.now(), timedelta(0)),
                    timeout_summary="paused before the next step",
                )
            except TimeoutError:
                raise Stopped(f"{self._progress.hold or HoldReason.OPERATOR}_deadline") from None

    def _raise_if_stopped(self) -> None:
        if self._stop is not None:
            raise Stopped(self._stop)

    def _took_promotion(self) -> bool:
        promoted, self._promoted = self._promoted, False
        return promoted

    def _continue_as_new_if_long(
        self, baking_until: datetime | None = None, converging_since: datetime | None = None
    ) -> None:
        """A long rollout goes on in a new run with a short history."""
        if self._long() and self._stop is None and not self._promoted:
            self._in_a_new_run(baking_until=baking_until, converging_since=converging_since)

    def _long(self) -> bool:
        info, most = workflow.info(), self._request.most_events
        long = info.is_continue_as_new_suggested() or 0 < most <= info.get_current_history_length()
        return long and workflow.all_handlers_finished()

    def _in_a_new_run(self, **more: Any) -> NoReturn:
        kept = Resumed(
            self._state, self._progress, self._next_check, self._checks, self._steps, self._sentence,
            opened_at=self._opened_at, stages=self._stages, **more,
        )  # fmt: skip
        workflow.continue_as_new(replace(self._request, resumed=kept))
