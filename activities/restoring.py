"""Going back is an effect of its own: it needs nothing that going forward needs but the database."""

from temporalio import activity

from activities.refusals import typed
from activities.rollouts import Exposure
from application.progression import Step
from application.restoring import Restoring
from domain.rollouts import State


class RestoringActivities:
    def __init__(self, restoring: Restoring) -> None:
        self._restoring = restoring

    @activity.defn(name="rollout.restore")
    async def restore(self, step: Step) -> State:
        with typed():
            return await self._restoring.restore(step)

    @activity.defn(name="rollout.take_back")
    async def take_back(self, wish: Exposure) -> State:
        with typed():
            return await self._restoring.take_back(wish.step, wish.stage)

    @activity.defn(name="rollout.restored")
    async def restored(self, step: Step) -> State:
        with typed():
            return await self._restoring.end(step)

    @activity.defn(name="rollout.page")
    async def page(self, step: Step) -> None:
        with typed():
            await self._restoring.page(step)
