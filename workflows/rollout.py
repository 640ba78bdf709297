"""A change is approved, admitted, exposed stage by stage while its gates pass, and otherwise taken back by itself."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from domain.rollouts import WAITING, State, Strategy
    from workflows.blue_green import Preparing
    from workflows.exposing import Exposing
    from workflows.messages import Resumed, RolloutRequest, RolloutResult
    from workflows.steering import Stopped
    from workflows.waiting import Waiting
    from workflows.way_back import unstoppable


@workflow.defn(name="FeatureRolloutWorkflow")
class FeatureRolloutWorkflow(Waiting, Preparing, Exposing):
    """The one machine of all strategies: what differs between them is how long a stage is looked at, and by whom."""

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
        waits = kept is None or kept.state in WAITING
        if waits and not await self._approved():
            return
        await self._by_stages(None if waits else kept)
        async with self._one_at_a_time:
            self._raise_if_stopped()
            await self._step(State.SUCCEEDED, "completed")

    async def _by_stages(self, kept: Resumed | None) -> None:
        """Each stage is served, arrives and is looked at; the last one bakes."""
        last = self._stages - 1
        for stage in range(self._progress.stage, last + 1):
            resumed = kept if kept and kept.progress.stage == stage else None
            if resumed is None:
                await self._prepare()
                await self._expose(stage)
            if resumed is None or resumed.converging_since is not None:
                await self._converge(resumed.converging_since if resumed else None)
            if stage != last:
                await self._dwell()
        await self._bake(kept.baking_until if kept else None)

    async def _dwell(self) -> None:
        """Before the next stage: a pass of the gate, and between batches a pause."""
        if self._request.emergency:
            return await self._glance()
        if self._watched:
            await self._soak()
        if self._plan.strategy is Strategy.ROLLING and self._plan.batches is not None:
            await self._until(workflow.now() + self._plan.batches.pause)
            self._took_promotion()
        return None
