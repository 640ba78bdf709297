import asyncio
from typing import Any

from temporalio.testing import ActivityEnvironment

from activities.pulsing import pulse


class TestPulse:
    async def test_beats_at_once_and_no_more_when_it_is_over(self) -> None:
        beats: list[tuple[Any, ...]] = []
        before = asyncio.all_tasks()
        environment = ActivityEnvironment()
        environment.on_heartbeat = lambda *given: beats.append(given)

        async def work() -> str:
            async with pulse():
                await asyncio.sleep(0)
            return "done"

        assert await environment.run(work) == "done"
        assert beats == [()]
        assert asyncio.all_tasks() == before
