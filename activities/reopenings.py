"""What a reopening does to the world: every step once, and each answers with what the database holds."""

from dataclasses import dataclass
from datetime import datetime

from temporalio import activity

from activities.pulsing import pulse
from activities.refusals import typed
from application.reopenings.cases import ReopeningCases
from application.reopenings.stand import ReopenStand, ReopenStep
from domain.closures.windows import ReopeningState


@dataclass(frozen=True)
class GivingUp:
    step: ReopenStep
    state: ReopeningState
    why: str


@dataclass(frozen=True)
class WindowEnds:
    """`at` is the moment at which this is to be told."""

    step: ReopenStep
    at: datetime


class ReopeningActivities:
    def __init__(self, cases: ReopeningCases) -> None:
        self._cases = cases

    @activity.defn(name="reopening.stand")
    async def stand(self, step: ReopenStep) -> ReopenStand:
        with typed():
            return await self._cases.looking.stand(step)

    @activity.defn(name="reopening.open")
    async def open(self, step: ReopenStep) -> ReopenStand:
        with typed():
            async with pulse():
                return await self._cases.opening.open(step)

    @activity.defn(name="reopening.remind")
    async def remind(self, wish: WindowEnds) -> None:
        with typed():
            await self._cases.reminding.remind(wish.step, wish.at)

    @activity.defn(name="reopening.shut")
    async def shut(self, step: ReopenStep) -> ReopenStand:
        """Where it is due. Waits for whoever is posting at this moment."""
        with typed():
            async with pulse():
                return await self._cases.shutting.due(step)

    @activity.defn(name="reopening.recertify")
    async def recertify(self, step: ReopenStep) -> ReopenStand:
        with typed():
            async with pulse():
                return await self._cases.recertifying.recertify(step)

    @activity.defn(name="reopening.end")
    async def end(self, wish: GivingUp) -> ReopenStand:
        with typed():
            return await self._cases.opening.end(wish.step, wish.state, wish.why)
