"""What a process does to the world: every step once, and each answers with what the database holds."""

from temporalio import activity

from activities.refusals import typed
from application.sagas.carrying import CarryingSagas
from application.sagas.stand import SagaStand, SagaStep


class SagaActivities:
    def __init__(self, carrying: CarryingSagas) -> None:
        self._carrying = carrying

    @activity.defn(name="saga.plan")
    async def plan(self, step: SagaStep) -> SagaStand:
        with typed():
            return await self._carrying.plan(step)

    @activity.defn(name="saga.look")
    async def look(self, step: SagaStep) -> SagaStand:
        with typed():
            return await self._carrying.look(step)

    @activity.defn(name="saga.send")
    async def send(self, step: SagaStep) -> SagaStand:
        with typed():
            return await self._carrying.send(step)

    @activity.defn(name="saga.undo")
    async def undo(self, step: SagaStep) -> SagaStand:
        with typed():
            return await self._carrying.undo(step)

    @activity.defn(name="saga.turn")
    async def turn(self, step: SagaStep) -> SagaStand:
        with typed():
            return await self._carrying.turn(step)
