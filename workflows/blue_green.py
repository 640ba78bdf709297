"""Before a switch nobody is served what is prepared; a timer never turns a smoke test that runs into a success."""

from dataclasses import replace
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.smoking import SmokeActivities
    from application.smoking import SmokeAnswer, SmokeWish
    from domain.gates import Verdict
    from domain.rollouts import BlueGreen, HoldReason, State
    from workflows.presets import smoke_preset
    from workflows.steering import Stopped
    from workflows.way_back import WayBack

NO_ANSWER = SmokeAnswer(Verdict.PROVIDER_ERROR, "the smoke tests did not answer in time")


class Preparing(WayBack):
    async def _prepare(self) -> None:
        """Every smoke test says yes and, where the plan says so, a person does; then it may be switched to."""
        green = self._plan.blue_green
        if green is None or self._request.emergency:
            return
        await self._pre_gate(green)
        if green.manual_switch:
            async with self._when_not_held():
                self._progress = self._progress.held(HoldReason.MANUAL_GATE, workflow.now())
                await self._step(State.PAUSED, HoldReason.MANUAL_GATE.value)
        async with self._when_not_held():
            self._took_promotion()

    async def _pre_gate(self, green: BlueGreen) -> None:
        until, answer = workflow.now() + green.smoke_limit, NO_ANSWER
        for attempt in range(1, green.smoke_retries + 2):
            answer = await self._smoked(attempt, until)
            self._sentence = answer.sentence
            self._progress = replace(self._progress, verdict=answer.verdict)
            if answer.verdict is Verdict.PASS:
                return
            if workflow.now() >= until:
                break
        raise Stopped("pre_gate_failed" if answer.verdict is Verdict.FAIL else "pre_gate_error")

    async def _smoked(self, attempt: int, until: datetime) -> SmokeAnswer:
        """One attempt at all of them; who stops the rollout does not wait for it."""
        left = until - workflow.now()
        wish = SmokeWish(self._named(f"smoke:{attempt}"), attempt, left.total_seconds())
        asking = workflow.start_activity_method(
            SmokeActivities.smoke, wish, summary=f"smoke tests, attempt {attempt}", **smoke_preset(left)
        )
        await workflow.wait_condition(lambda: asking.done() or self._stop is not None)
        if not asking.done():
            asking.cancel()
            self._raise_if_stopped()
        try:
            return await asking
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            return NO_ANSWER
