"""A stage is served, has arrived where it is used, and only then begins to be judged."""

from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.converging import ConvergingActivities
    from activities.rollouts import Exposure, RolloutActivities
    from application.convergence import ConvergeWish
    from domain.rollouts import HoldReason, RollbackScope, State, decide, lapsed
    from workflows.judging import Judging
    from workflows.presets import EXPOSE, PROBE
    from workflows.steering import Stopped

FIRST_LOOK = timedelta(seconds=5)
LAST_LOOK = timedelta(seconds=30)


class Exposing(Judging):
    async def _expose(self, stage: int) -> None:
        """Serve it; where a batch that fails is to stay as it is, a person decides what comes next."""
        while True:
            async with self._when_not_held():
                if await self._served(stage):
                    return
                self._progress = self._progress.held(HoldReason.BATCH_FAILED, workflow.now())
                await self._step(State.PAUSED, "could_not_be_applied")
                await self._take_back(stage)

    async def _served(self, stage: int) -> bool:
        percent = self._percent(stage)
        wish = Exposure(self._named(f"expose:{stage}"), stage)
        try:
            await workflow.execute_activity_method(
                RolloutActivities.expose, wish, summary=f"serve {percent:g} %", **EXPOSE
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            batches = self._plan.batches
            if batches is None or batches.rollback is RollbackScope.ALL:
                raise Stopped("could_not_be_applied") from error
            return False
        self._batch_back = False
        self._progress = self._progress.next(stage, workflow.now())
        self._next_check = workflow.now() + self._plan.initial_delay
        self._show(State.RUNNING, f"serving {percent:g} %")
        return True

    async def _converge(self, since: datetime | None) -> None:
        """Wait until enough live instances hold the stage: its soak begins then, and not before.

        Too few of them after their time hold it until they do, or until a person says that it may go on.
        """
        if not self._plan.converge or self._request.emergency:
            return
        began, pause, held = since or workflow.now(), FIRST_LOOK, self._progress.hold is HoldReason.NOT_CONVERGED
        while not (converged := await self._share() >= self._plan.converge):
            async with self._one_at_a_time:
                self._raise_if_stopped()
                if self._promoted or (held and self._progress.hold is None):
                    break
                late = workflow.now() - began >= self._plan.converge_limit
                if late and self._progress.hold is None:
                    held = True
                    self._progress = self._progress.held(HoldReason.NOT_CONVERGED, workflow.now())
                    await self._step(State.PAUSED, HoldReason.NOT_CONVERGED.value)
            await self._guard()
            if not held or self._progress.hold is not None:
                self._continue_as_new_if_long(converging_since=began)
            await self._until(workflow.now() + pause)
            pause = min(2 * pause, LAST_LOOK)
        async with self._one_at_a_time:
            self._raise_if_stopped()
            await self._arrived("converged" if converged else "goes_on_unconverged")

    async def _arrived(self, cause: str) -> None:
        if self._progress.hold is HoldReason.NOT_CONVERGED:
            self._progress = self._progress.released()
        self._progress = self._progress.begun(workflow.now())
        self._next_check = workflow.now() + self._plan.initial_delay
        if self._progress.hold is None:
            await self._step(State.RUNNING, cause)

    async def _guard(self) -> None:
        """What is held because it has not arrived everywhere is still judged where it has, and its time ends."""
        if not self._held():
            return
        lapse = lapsed(self._plan, self._progress, workflow.now())
        if lapse is not None:
            raise Stopped(lapse.cause)
        if not self._watched or workflow.now() < self._next_check:
            return
        timing = await self._judge(control_expected=True)
        async with self._one_at_a_time:
            self._raise_if_stopped()
            if not self._held():
                return
            outcome = decide(self._plan, self._progress, timing)
            self._progress = outcome.progress
            await self._follow(outcome)

    def _held(self) -> bool:
        return self._progress.hold is not None

    async def _share(self) -> float:
        """Of the live instances; what could not be asked has not been seen to arrive."""
        wish = ConvergeWish(self._request.tenant, self._request.rollout, self._progress.stage, workflow.now())
        try:
            seen = await workflow.execute_activity_method(
                ConvergingActivities.converge, wish, summary="has it arrived?", **PROBE
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            return 0.0
        return seen.share
