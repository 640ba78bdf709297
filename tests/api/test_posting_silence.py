"""A line that is cut without a word leaves advice old for a while, and the guard as it was."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy.engine import make_url

from adapters.postgres.listener import Listener
from application.periods.checking import Advised, PostingChecks, Question
from application.periods.known import KnownTables
from application.ports.periods import PostingAsked
from domain.periods import Operation, PeriodClosed
from tests.fronts import Wire, listening
from tests.gatekeeping import Bookroom

MARCH, SILENCE = "2024-03", 2.0


class Far:
    """Another process, whose line (and nothing else) goes over the wire."""

    def __init__(self, world: Any, house: Any, listener: Listener) -> None:
        self.actor, self.line = house.people["eve"], listener.periods
        tables = KnownTables(world.services.store, self.line, SILENCE)
        self.checks = PostingChecks(world.services.store, tables, world.services.clock)

    async def ask(self) -> Advised:
        question = Question("acme", "AP", Operation.TRANSACTION, "2024-03-15")
        return await self.checks.ask(self.actor, [question])

    async def allowed(self) -> bool:
        return (await self.ask()).advices[0].allowed


@pytest_asyncio.fixture
async def wire(database_url: str) -> AsyncIterator[tuple[Wire, str]]:
    url = make_url(database_url)
    wire = Wire(url.host or "", url.port or 0)
    async with listening(wire.answer, "127.0.0.1") as port:
        yield wire, url.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)


@pytest_asyncio.fixture
async def far(world: Any, house: Any, wire: tuple[Wire, str], eventually: Any) -> AsyncIterator[Far]:
    far = Far(world, house, Listener(wire[1]))
    task = asyncio.create_task(far.checks.follow())
    try:
        await eventually(lambda: far.line.alive)
        yield far
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest_asyncio.fixture
async def books(world: Any, house: Any) -> Bookroom:
    room = Bookroom(world.services.store, house.id, house.people["root"].id)
    await room.furnish(2024)
    await room.stand(MARCH, "AP", "open")
    return room


@pytest.mark.req("FP42")
async def test_a_silent_line_leaves_advice_old_for_so_long_and_no_longer(
    wire: tuple[Wire, str], books: Bookroom, far: Far, eventually: Any
) -> None:
    assert await far.allowed()
    wire[0].open.clear()
    await books.move(MARCH, "AP", "closed")
    posting = PostingAsked("acme", "AP", Operation.TRANSACTION, date(2024, 3, 15), far.actor.id)
    with pytest.raises(PeriodClosed):  # whatever the advice is
        async with books.store.transaction(books.tenant) as tx:
            await tx.periods.assert_postable(posting)
    ages = []
    while (told := await far.ask()).advices[0].allowed:
        ages.append(told.age)
        await asyncio.sleep(0.1)
    assert max(ages) <= SILENCE
    wire[0].open.set()
    await eventually(lambda: far.line.alive)
    assert not await far.allowed()
