"""What is posted beneath a close is told to it, once in a while and until it was heard."""

from typing import Any

import pytest

from application.closures.desk import BALANCE_CHANGED
from application.closures.moved_books import QUIET, TellingOfBooks
from application.ports.periods import PostingAsked
from domain.closures import Act
from domain.errors import Unavailable
from domain.periods import Operation
from tests.closes import ENTITY, WHY, Close
from tests.recorded import RecordingProcesses


class Told:
    """A close in its tasks, and whoever tells it, by a clock of their own."""

    def __init__(self, close: Close) -> None:
        world, self.close, self.seconds = close.world, close, 0.0
        self.processes = RecordingProcesses(world.balloting, world.tenant.id)
        store: Any = world.store
        self.telling = TellingOfBooks(store, self.processes, clock=lambda: self.seconds)

    async def post(self) -> None:
        place = await self.close.place()
        asked = PostingAsked(ENTITY, "AP", Operation.ADJUSTMENT, place.period.begins, self.close.world.fin.id)
        async with self.close.transaction() as tx:
            await tx.periods.assert_postable(asked)


@pytest.fixture
async def told(close: Close) -> Told:
    await close.template(close.task("bank"))
    await close.frozen(template="month-end")
    return Told(close)


@pytest.mark.req("FP49")
class TestTelling:
    async def test_is_of_what_was_posted_and_only_then(self, told: Told) -> None:
        assert await told.telling.look() == 0
        await told.post()
        assert await told.telling.look() == 1
        assert told.processes.told == [(told.close.run_id, BALANCE_CHANGED)]
        told.seconds += QUIET
        assert await told.telling.look() == 0

    async def test_rests_for_a_while_and_forgets_nothing(self, told: Told) -> None:
        for _ in range(3):
            await told.post()
            await told.telling.look()
        assert len(told.processes.told) == 1
        told.seconds += QUIET
        assert await told.telling.look() == 1
        assert len(told.processes.told) == 2

    async def test_is_made_up_for_when_nobody_listened(self, told: Told) -> None:
        await told.post()
        told.processes.down = True
        await told.telling.look()
        told.processes.down = False
        assert await told.telling.look() == 1
        assert told.processes.told == [(told.close.run_id, BALANCE_CHANGED)]

    async def test_says_nothing_to_a_close_that_is_over(self, told: Told) -> None:
        await told.post()
        await told.close.act(told.close.world.fin, Act.ABORT, reason=WHY)
        await told.telling.look()
        assert told.processes.told == []
        told.seconds += QUIET
        assert await told.telling.look() == 0

    async def test_waits_for_a_database_that_is_away(self, told: Told) -> None:
        store: Any = told.close.world.store
        store.down = True
        with pytest.raises(Unavailable):
            await told.telling.look()
