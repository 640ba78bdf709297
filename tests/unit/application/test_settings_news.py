import asyncio

import pytest

from domain.errors import Unavailable
from tests.hearing import Here, down
from tests.wishing import DEV, QA, say, wish
from tests.world import World


class TestNews:
    async def test_of_another_process_is_served(self, world: World, here: Here) -> None:
        assert await here.read() == 10
        await say(world, wish("limit", 20))
        await here.hear()
        assert await here.read() == 20

    async def test_of_one_environment_changes_no_other(self, world: World, here: Here) -> None:
        assert [await here.read(), await here.read(environment=QA)] == [10, 10]
        await say(world, wish("limit", 20), environment=QA)
        await here.hear(DEV)
        await here.hear(QA)
        assert [await here.read(), await here.read(environment=QA)] == [10, 20]

    async def test_of_what_nobody_asked_for_is_not_read(self, world: World, here: Here) -> None:
        down(world)
        await here.hear()
        down(world, so=False)
        assert await here.read() == 10

    async def test_during_an_outage_is_not_lost(self, world: World, here: Here) -> None:
        await here.read()
        await say(world, wish("limit", 20))
        down(world)
        await here.hear()
        down(world, so=False)
        assert await here.read() == 20

    async def test_while_the_first_picture_is_taken_is_not_lost(self, world: World, here: Here) -> None:
        first = asyncio.create_task(here.read())
        await asyncio.sleep(0)
        await say(world, wish("limit", 20))
        await here.hear()
        await first
        assert await here.read() == 20


class TestLine:
    async def test_that_is_down_makes_every_answer_the_databases(self, world: World, here: Here) -> None:
        await here.read()
        here.wire.alive = False
        await say(world, wish("limit", 20))
        assert await here.read() == 20
        down(world)
        with pytest.raises(Unavailable):
            await here.read()

    async def test_that_stands_again_serves_nothing_from_before(self, world: World, here: Here) -> None:
        """Even to whoever asks before the word of it is acted upon."""
        await here.read()
        here.wire.alive = False
        await say(world, wish("limit", 20))
        here.wire.mend()
        assert await here.read() == 20

    async def test_in_doubt_re_reads_every_environment(self, world: World, here: Here) -> None:
        for environment in (DEV, QA):
            await here.read(environment=environment)
            await say(world, wish("limit", 20), environment=environment)
        await here.hear_of(None)
        down(world)
        assert [await here.read(environment=each) for each in (DEV, QA)] == [20, 20]
