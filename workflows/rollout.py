"""A change is approved, admitted, exposed stage by stage while its gates pass, and otherwise taken back by itself."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from domain.rollouts import WAITING, RollbackScope, State, Strategy
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
        for stage in range(self._progress.stage, self._stages):
            resumed = kept if kept and kept.progress.stage == stage else None
            while not await self._over(stage, resumed):
                resumed = None
        await self._bake(kept.baking_until if kept else None)

    async def _over(self, stage: int, resumed: Resumed | None) -> bool:
        """Whether the next stage may come; a batch that failed and went back is served again."""
        if resumed is None:
            await self._prepare()
            await self._expose(stage)
        if resumed is None or resumed.converging_since is not None:
            await self._converge(resumed.converging_since if resumed else None)
        if resumed is not None and resumed.baking_until is not None:
            return True
        last = stage == self._stages - 1
        batches = self._plan.batches
        if last and (batches is None or batches.rollback is RollbackScope.ALL):
            return True
        return await self._dwelt(last=last)

    async def _dwelt(self, *, last: bool) -> bool:
        """Before the next stage: a pass of the gate, and between batches a pause."""
        if self._request.emergency:
            await self._glance()
            return True
        if self._watched and not await self._soak():
            return False
        if self._plan.strategy is Strategy.ROLLING and self._plan.batches is not None and not last:
            await self._until(workflow.now() + self._plan.batches.pause)
            await self._thawed()
            self._took_promotion()
        return True
