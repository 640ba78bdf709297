"""A ticket opens streams of one place for a while, and whoever streams hears of each revision that is served."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from adapters.memory.cache import NoSnapshots
from application import flag_streams
from application.evaluation import FlagSets
from application.flag_streams import FlagStreams, Stream, StreamEnded, Ticket, TooManyStreams
from application.previewing import PREVIEW
from domain.errors import Unavailable
from domain.people import PermissionMissing
from domain.people.acts import LIFETIME, Act
from tests.hearing import Wire
from tests.world import ON, PRODUCTION, World

SHORTEST = LIFETIME / 2
MOMENT = timedelta(microseconds=1)


class Process:
    """What one process has of flags and streams, on a line on which only the test speaks."""

    def __init__(self, world: World, **more: Any) -> None:
        self.world, self.wire = world, Wire()
        self.flag_sets = FlagSets(world.store, self.wire, NoSnapshots(), lambda: 0.0)
        self.streams = FlagStreams(world.store, self.flag_sets, world.assertions, world.clock, **more)

    def ticket(self, subject: str = "user-1") -> Ticket:
        return Ticket(self.world.tenant.id, PRODUCTION, self.world.shop.id, self.streams.until(subject))

    async def opened(self, seen: int | None = None) -> Stream:
        return await self.streams.opened(self.streams.issue(self.ticket()), seen)

    async def heard(self) -> None:
        await self.wire.tell((self.world.tenant.id, PRODUCTION))


@pytest_asyncio.fixture
async def process(world: World) -> AsyncIterator[Process]:
    process = Process(world, most=2)
    following = asyncio.create_task(process.flag_sets.follow())
    yield process
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following


@pytest.fixture
def at_every_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flag_streams, "_TRUST_SECONDS", 0.0)


@pytest.mark.req("OF-02")
class TestTickets:
    def test_hold_for_half_of_the_time_at_least_and_the_whole_at_most(self, world: World) -> None:
        process = Process(world)
        for _ in range(20):
            left = [process.streams.until(subject) - world.clock() for subject in "abcdefgh"]
            assert all(SHORTEST < each <= LIFETIME for each in left)
            world.clock += SHORTEST / 7

    def test_of_different_subjects_end_at_different_moments(self, world: World) -> None:
        ends = {Process(world).streams.until(f"user-{number}") for number in range(200)}
        assert len(ends) == 16

    def test_are_the_same_until_half_of_their_time_is_over(self, world: World) -> None:
        process = Process(world)
        first = process.ticket()
        world.clock += first.until - SHORTEST - world.clock() - MOMENT
        assert process.streams.issue(process.ticket()) == process.streams.issue(first)
        world.clock += MOMENT
        assert process.ticket().until == first.until + SHORTEST

    async def test_end(self, process: Process, world: World) -> None:
        ticket = process.ticket()
        token = process.streams.issue(ticket)
        world.clock += ticket.until - world.clock() - MOMENT
        assert process.streams.left(await process.streams.opened(token, None)) == MOMENT.total_seconds()
        world.clock += MOMENT
        with pytest.raises(StreamEnded):
            await process.streams.opened(token, None)

    async def test_that_were_not_made_here_or_not_for_this_open_nothing(self, process: Process, world: World) -> None:
        ticket = process.ticket()
        other = Act(world.tenant.id, world.tenant.id, world.shop.id, PREVIEW, "x", None, ticket.until)
        for token in ("", "act.nonsense", world.assertions.issue(other)):
            with pytest.raises(StreamEnded):
                await process.streams.opened(token, None)


@pytest.mark.req("OF-03")
class TestStreams:
    async def test_tell_the_revision_as_soon_as_it_is_served(self, process: Process, world: World) -> None:
        stream = await process.opened()
        waiting = asyncio.create_task(process.streams.next(stream, 0, 60))
        await world.put()
        await process.heard()
        assert await waiting == 1
        assert await process.streams.next(stream, 1, 0) == 1

    async def test_say_once_that_several_changes_were_missed(self, process: Process, world: World) -> None:
        await process.opened()
        for _ in range(3):
            await world.put()
        await process.heard()
        stream = await process.opened(seen=0)
        assert await process.streams.next(stream, 0, 60) == 3

    async def test_begin_no_earlier_than_what_was_seen_elsewhere(self, process: Process, world: World) -> None:
        await process.opened()
        await world.put()
        stream = await process.opened(seen=1)
        assert stream.shelf.flags.revision == 1

    async def test_tell_of_an_older_one_where_the_database_went_back(self, process: Process) -> None:
        assert await process.streams.next(await process.opened(seen=7), 7, 60) == 0

    async def test_end_for_who_may_evaluate_no_longer(
        self, process: Process, world: World, at_every_look: None
    ) -> None:
        stream = await process.opened()
        async with world.store.transaction(world.tenant.id) as tx:
            await tx.people.set_roles(world.shop.id, frozenset())
        with pytest.raises(PermissionMissing):
            await process.streams.next(stream, 0, 0)
        again = await process.opened()
        with pytest.raises(PermissionMissing), process.streams.seated(again):
            pytest.fail("it was let in")

    async def test_go_on_while_nobody_can_look(
        self, process: Process, world: World, at_every_look: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stream = await process.opened()

        def away(_tenant: Any) -> Any:
            raise Unavailable

        monkeypatch.setattr(world.store, "transaction", away)
        assert await process.streams.next(stream, 0, 0) == 0

    async def test_are_so_many_in_one_name(self, process: Process) -> None:
        stream = await process.opened()
        with process.streams.seated(stream):
            with process.streams.seated(stream), pytest.raises(TooManyStreams), process.streams.seated(stream):
                pytest.fail("it was let in")
            with process.streams.seated(stream):
                pass


@pytest.mark.req("OF-04")
class TestSnapshots:
    async def test_that_somebody_heard_of_are_waited_for(self, process: Process, world: World) -> None:
        place = world.tenant.id, PRODUCTION
        shelf = await process.flag_sets.shelf(*place)
        await world.put()
        await process.flag_sets.at_least(place, 0)
        assert shelf.flags.revision == 0
        await asyncio.gather(*(process.flag_sets.at_least(place, 1) for _ in range(5)))
        assert shelf.flags.revision == 1

    async def test_that_nobody_can_name_are_the_newest(self, process: Process, world: World) -> None:
        place = world.tenant.id, PRODUCTION
        shelf = await process.flag_sets.shelf(*place)
        await world.put(ON)
        await process.flag_sets.at_least(place, None)
        assert shelf.flags.revision == 1

    async def test_that_cannot_be_read_in_time_are_replaced_by_no_older_one(
        self, process: Process, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        @asynccontextmanager
        async def silent(_tenant: Any) -> AsyncIterator[None]:
            await asyncio.Event().wait()
            yield

        await process.flag_sets.shelf(world.tenant.id, PRODUCTION)
        monkeypatch.setattr(world.store, "transaction", silent)
        monkeypatch.setattr("application.evaluation._PATIENCE_SECONDS", 0.01)
        with pytest.raises(Unavailable):
            await process.flag_sets.at_least((world.tenant.id, PRODUCTION), 1)
