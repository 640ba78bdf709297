"""What is exposed is judged as long as it may still go back, and rises, is held or goes back by what is judged."""

from dataclasses import replace
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.rollouts import RolloutActivities
    from application.gating import CheckWish
    from domain.gates import StageClock, Verdict
    from domain.rollouts import Decision, HoldReason, Outcome, State, Timing, decide
    from workflows.presets import LASTING, PROBE
    from workflows.steering import Stopped
    from workflows.way_back import WayBack


class Judging(WayBack):
    @property
    def _watched(self) -> bool:
        return self._plan.gated or self._request.watched

    async def _soak(self) -> bool:
        """Check until the gate passes or somebody promotes; raise Stopped when it is to go back.

        False when this batch has gone back, and nothing else has.
        """
        while True:
            self._continue_as_new_if_long()
            await self._until(self._next_check)
            if self._took_promotion():
                return True
            timing = await self._judge(control_expected=self._progress.stage < self._stages - 1)
            async with self._one_at_a_time:
                self._raise_if_stopped()
                if self._took_promotion():
                    return True
                outcome = decide(self._plan, self._progress, timing)
                self._progress = outcome.progress
                if await self._follow(outcome):
                    return True
                if self._progress.hold is HoldReason.BATCH_FAILED and await self._take_back(self._progress.stage):
                    return False

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

    async def _glance(self) -> None:
        """In an emergency nothing is waited for, but what is plainly worse goes back."""
        if not self._watched:
            return
        timing = await self._judge(control_expected=True)
        self._raise_if_stopped()
        if timing.verdict is Verdict.FAIL:
            raise Stopped("gate_failed")

    async def _bake(self, kept_until: datetime | None) -> None:
        """Watch what everybody now gets; an end that is blind, or at which the gate asks to wait, is no clean end."""
        until = kept_until or workflow.now() + self._plan.bake
        if kept_until is None:
            async with self._when_not_held():
                await self._step(State.BAKING, "all_stages_passed")
                self._progress = self._progress.next(self._progress.stage, workflow.now())
        while workflow.now() < until or self._progress.blind_since is not None or self._progress.hold is not None:
            self._continue_as_new_if_long(until)
            if not self._watched:
                await self._until(until)
                if await self._frozen():
                    self._show(self._state, HoldReason.FROZEN.value)
                    until = workflow.now() + self._plan.check_interval
                continue
            await self._until(min(self._next_check, until) if workflow.now() < until else self._next_check)
            timing = await self._judge(control_expected=False)
            self._raise_if_stopped()
            outcome = decide(self._plan, self._progress, timing)
            hold = outcome.progress.hold
            asked = hold is not None and hold.asked_by_gate
            self._progress = outcome.progress if asked else replace(outcome.progress, hold=None, held_since=None)
            if outcome.decision is Decision.ROLL_BACK or timing.verdict is Verdict.FAIL:
                raise Stopped(outcome.cause)
        self._raise_if_stopped()

    async def _thawed(self) -> None:
        """No batch follows another in a freeze that pauses what is under way, unless a person promotes it."""
        while await self._frozen() and not self._promoted:
            async with self._one_at_a_time:
                self._raise_if_stopped()
                if self._progress.hold is None:
                    self._progress = self._progress.held(HoldReason.FROZEN, workflow.now())
                    await self._step(State.PAUSED, HoldReason.FROZEN.value)
            self._continue_as_new_if_long()
            await self._until(workflow.now() + self._plan.check_interval)
        async with self._one_at_a_time:
            self._raise_if_stopped()
            if self._progress.hold is HoldReason.FROZEN:
                self._progress = self._progress.released()
                await self._step(State.RUNNING, HoldReason.FROZEN.released_by)

    async def _frozen(self) -> bool:
        """Asked where no gate asks; what is urgent goes on."""
        if self._request.emergency or not workflow.patched("asks-for-freezes"):
            return False
        return await workflow.execute_activity_method(
            RolloutActivities.frozen, self._named("frozen"), summary="is it frozen?", **LASTING
        )

    async def _judge(self, *, control_expected: bool) -> Timing:
        """One check, however long the gap since the last; that it could not be made is blindness, not health."""
        now, stage = workflow.now(), self._plan.stage(self._progress.stage)
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
        percent = self._percent(self._progress.stage)
        try:
            answer = await workflow.execute_activity_method(
                RolloutActivities.check, wish, summary=f"check {self._checks} at {percent:g} %", **PROBE
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            return Timing(Verdict.PROVIDER_ERROR, workflow.now())
        self._sentence = answer.sentence
        return Timing(answer.verdict, workflow.now(), answer.silent, answer.hold)
