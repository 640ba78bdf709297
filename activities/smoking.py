"""A smoke test may take its time; a worker that dies meanwhile is missed within seconds."""

import asyncio

from temporalio import activity

from activities.refusals import typed
from application.smoking import SmokeAnswer, SmokeWish, Smoking

BEAT_SECONDS = 2.0


class SmokeActivities:
    def __init__(self, smoking: Smoking) -> None:
        self._smoking = smoking

    @activity.defn(name="rollout.smoke")
    async def smoke(self, wish: SmokeWish) -> SmokeAnswer:
        asking = asyncio.create_task(self._smoking.smoke(wish))
        try:
            while not asking.done():
                activity.heartbeat()
                await asyncio.wait({asking}, timeout=BEAT_SECONDS)
        finally:
            asking.cancel()
        with typed():
            return await asking
