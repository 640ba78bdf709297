"""What a bulk operation does to the world: every step once, and each answers with what the database holds."""

from temporalio import activity

from activities.pulsing import pulse
from activities.refusals import typed
from application.bulks.carrying import Carrying
from application.bulks.stand import BulkStand, BulkStep


class BulkActivities:
    def __init__(self, carrying: Carrying) -> None:
        self._carrying = carrying

    @activity.defn(name="bulk.look")
    async def look(self, step: BulkStep) -> BulkStand:
        with typed():
            return await self._carrying.look(step)

    @activity.defn(name="bulk.answered")
    async def answered(self, step: BulkStep) -> BulkStand:
        with typed():
            return await self._carrying.answered(step)

    @activity.defn(name="bulk.act")
    async def act(self, step: BulkStep) -> BulkStand:
        """Waits for whoever is deciding about one of the same commands at this moment."""
        with typed():
            async with pulse():
                return await self._carrying.act(step)

    @activity.defn(name="bulk.settle")
    async def settle(self, step: BulkStep) -> BulkStand:
        with typed():
            async with pulse():
                return await self._carrying.settle(step)
