"""What a series of closes does to the world: every step once, and each answers with what the database holds."""

from temporalio import activity

from activities.pulsing import pulse
from activities.refusals import typed
from application.closure_series.cases import SeriesCases
from application.closure_series.stand import Begun, MemberStep, SeriesStand, SeriesStep


class SeriesActivities:
    def __init__(self, cases: SeriesCases) -> None:
        self._cases = cases

    @activity.defn(name="series.look")
    async def look(self, step: SeriesStep) -> SeriesStand:
        with typed():
            return await self._cases.looking.look(step)

    @activity.defn(name="series.begin")
    async def begin(self, step: MemberStep) -> Begun:
        with typed():
            async with pulse():
                return await self._cases.beginning.begin(step)

    @activity.defn(name="series.abort_close")
    async def abort_close(self, step: MemberStep) -> SeriesStand:
        """Waits for whoever is posting at this moment."""
        with typed():
            async with pulse():
                return await self._cases.ending.abort_close(step)

    @activity.defn(name="series.cancel")
    async def cancel(self, step: SeriesStep) -> SeriesStand:
        with typed():
            return await self._cases.ending.cancel(step)
