"""How far a stage has converged is looked at, and nothing is changed by looking."""

from temporalio import activity

from activities.refusals import typed
from application.convergence import ConvergeWish, Converging
from domain.instances import Convergence


class ConvergingActivities:
    def __init__(self, converging: Converging) -> None:
        self._converging = converging

    @activity.defn(name="rollout.converge")
    async def converge(self, wish: ConvergeWish) -> Convergence:
        with typed():
            return await self._converging.look(wish)
