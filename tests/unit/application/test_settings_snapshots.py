import asyncio
import io
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from adapters.memory.secrets import MemorySealer
from adapters.memory.store import MemoryStore
from application.settings.cases import SettingCases
from application.settings.reading import Question
from application.settings.snapshots import Room, SettingSnapshots
from application.settings.transfer import Intake
from application.settings.wishes import Order, Wish
from domain.environments import Environment
from domain.errors import Missing, Unavailable
from domain.people import PermissionMissing
from domain.settings import Scope
from tests.wishing import ADA, BERLIN, DE, DEV, QA, WHY, define, say, ungovern, unset, wish
from tests.world import World, world_in

HOUR = timedelta(hours=1)
MOMENT = timedelta(microseconds=1)
Word = tuple[UUID, Environment] | None


class Wire:
    """A line on which only the test speaks."""

    def __init__(self) -> None:
        self.alive, self.line = True, 1
        self._said: asyncio.Queue[Word] = asyncio.Queue()

    async def listen(self) -> AsyncIterator[Word]:
        while True:
            yield await self._said.get()
            self._said.task_done()

    async def tell(self, word: Word) -> None:
        """Returns when it has been heard."""
        self._said.put_nowait(word)
        await self._said.join()

    def mend(self) -> None:
        self.alive, self.line = True, self.line + 1


class Here:
    """What this process has; `world` writes as another one would, and nobody here hears of it by itself."""

    def __init__(self, world: World, wire: Wire) -> None:
        self.world, self.wire, self.slow = world, wire, timedelta()
        self.snapshots = SettingSnapshots(world.store, wire, self.clock, room=Room(patience=60))
        self.setting = SettingCases.over(world.store, world.submission, MemorySealer(), self.snapshots)

    def clock(self) -> datetime:
        return self.world.clock() - self.slow

    async def read(self, scope: str = ADA, key: str = "limit", as_of: datetime | None = None, **more: Any) -> Any:
        question = Question(more.get("environment", DEV), Scope(scope), as_of)
        world = more.get("of", self.world)
        return (await self.setting.reads.effective(world.eve, question, key)).resolution.value

    async def write(self, *wishes: Wish, **more: Any) -> None:
        await self.setting.writes.write(self.world.ada, Order(DEV, wishes, WHY, **more))

    async def hear(self, environment: Environment = DEV) -> None:
        await self.hear_of((self.world.tenant.id, environment))

    async def hear_of(self, word: Word) -> None:
        await self.wire.tell(word)
        await self.snapshots.settled()


@pytest_asyncio.fixture
async def here(world: World) -> AsyncIterator[Here]:
    await define(world, default=10)
    here = Here(world, Wire())
    following = asyncio.create_task(here.snapshots.follow())
    yield here
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


def down(world: World, *, so: bool = True) -> None:
    assert isinstance(world.store, MemoryStore)
    world.store.down = so


class TestPresent:
    async def test_is_told_without_the_database(self, world: World, here: Here) -> None:
        await say(world, wish("limit", 20, DE))
        assert await here.read() == 20
        down(world)
        assert [await here.read(), await here.read("")] == [20, 10]
        some = await here.setting.reads.some_effective(world.eve, Question(DEV, Scope(DE)), ["nothing", "limit"])
        assert [(each.definition.key, each.resolution.value) for each in some] == [("limit", 20)]

    async def test_is_explained_as_the_database_would(self, world: World, here: Here) -> None:
        await say(world, wish("limit", 20), wish("limit", 25, BERLIN, until=world.clock() + HOUR), unset("limit", DE))
        await say(world, wish("limit", 30, DE, since=world.clock() + HOUR))
        question = Question(DEV, Scope(ADA))
        for _ in range(3):
            by_memory = await here.setting.reads.effective(world.eve, question, "limit")
            assert by_memory == await world.setting.reads.effective(world.eve, question, "limit")
            world.clock += HOUR

    async def test_is_read_by_key_in_pages(self, world: World, here: Here) -> None:
        for key in ("c", "a", "b"):
            await define(world, key, default=1)
        pages = [await here.setting.reads.all_effective(world.eve, Question(DEV, Scope()), *at)
                 for at in (("", 2), ("b", 1), ("b", 9), ("limit", 9))]  # fmt: skip
        assert [[each.definition.key for each in page] for page in pages] == [["a", "b"], ["c"], ["c", "limit"], []]

    @pytest.mark.req("ST79")
    async def test_begins_and_ends_by_itself(self, world: World, here: Here) -> None:
        begin, end = world.clock() + HOUR, world.clock() + 2 * HOUR
        await say(world, wish("limit", 30, since=begin, until=end))
        assert await here.read() == 10
        down(world)
        told = []
        for moment in (begin - MOMENT, begin, end - MOMENT, end):
            world.clock.now = moment
            told.append(await here.read())
        assert told == [10, 30, 30, 10]

    async def test_is_not_told_whom_it_does_not_concern(self, world: World, here: Here) -> None:
        await here.read()
        nobody = type(world.eve)(world.eve.tenant, world.eve.id, "nobody")
        with pytest.raises(PermissionMissing):
            await here.setting.reads.effective(nobody, Question(DEV, Scope()), "limit")
        with pytest.raises(Missing):
            await here.read(key="nothing")

    @pytest.mark.req("ST84")
    async def test_of_one_tenant_is_never_told_to_another(self, world: World, here: Here) -> None:
        other = await world_in(world.store, world.clock)
        await define(other, default=10)
        await define(other, "theirs", default=1)
        await say(world, wish("limit", 20))
        await say(other, wish("limit", 99))
        assert [await here.read(), await here.read(of=other)] == [20, 99]
        await say(other, wish("limit", 98))
        await here.hear_of((other.tenant.id, DEV))
        assert [await here.read(), await here.read(of=other)] == [20, 98]
        with pytest.raises(Missing):
            await here.read(key="theirs")


class TestPast:
    async def test_is_asked_of_the_database(self, world: World, here: Here) -> None:
        await say(world, wish("limit", 20))
        then = world.clock()
        await here.read()
        await say(world, wish("limit", 30))
        assert [await here.read(as_of=then), await here.read(as_of=world.clock())] == [20, 30]
        down(world)
        with pytest.raises(Unavailable):
            await here.read(as_of=then)


class TestOwnWrite:
    async def test_is_seen_at_once_by_whoever_reads_here(self, world: World, here: Here) -> None:
        assert await here.read() == 10
        for number in range(3):
            await here.write(wish("limit", number))
            assert await here.read() == number

    async def test_is_seen_even_when_this_clock_is_slow(self, here: Here) -> None:
        here.slow = HOUR
        assert await here.read() == 10
        await here.write(wish("limit", 20))
        assert await here.read() == 20

    async def test_of_a_definition_is_seen_in_every_environment(self, world: World, here: Here) -> None:
        await ungovern(world)
        for environment in (DEV, QA):
            await here.read(environment=environment)
        make = here.setting.definitions
        fields: dict[str, Any] = {"key": "new", "type": "integer", "scopes": ["tenant", "company", "site", "user"]}
        await make.create(world.ada, {**fields, "default": 1}, WHY)
        assert [await here.read(key="new", environment=each) for each in (DEV, QA)] == [1, 1]
        await make.replace(world.ada, "new", {**fields, "default": 2}, expected=1, reason=WHY)
        assert [await here.read(key="new", environment=each) for each in (DEV, QA)] == [2, 2]

    async def test_of_a_bundle_is_seen_at_once(self, world: World, here: Here) -> None:
        await here.write(wish("limit", 20))
        assert [await here.read(), await here.read(environment=QA)] == [20, 10]
        await here.setting.transfer.export(world.ada, DEV, out := io.BytesIO())
        await here.setting.transfer.import_(world.ada, Intake(QA, json.loads(out.getvalue()), WHY))
        assert await here.read(environment=QA) == 20

    async def test_cancelled_never_begins(self, world: World, here: Here) -> None:
        noon = world.clock() + HOUR
        await here.write(wish("limit", 30, since=noon))
        assert await here.read() == 10
        await here.setting.writes.cancel(world.ada, DEV, unset("limit", expected=1), WHY)
        world.clock.now = noon
        assert await here.read() == 10

    async def test_that_was_refused_changes_nothing(self, world: World, here: Here) -> None:
        before = await here.read()
        with pytest.raises(Missing):
            await here.write(wish("nothing", 1))
        assert await here.read() == before

    async def test_that_cannot_be_read_back_is_not_hidden_by_what_was(self, world: World, here: Here) -> None:
        await here.read()
        await say(world, wish("limit", 20))
        down(world)
        await here.snapshots.refresh(world.tenant.id, DEV)
        with pytest.raises(Unavailable):
            await here.read()
        down(world, so=False)
        assert await here.read() == 20


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


@pytest.mark.req("ST75")
async def test_no_reader_sees_half_a_batch(world: World, here: Here) -> None:
    keys = [f"k{number}" for number in range(5)]
    for key in keys:
        await define(world, key, default=0)
    done, seen = asyncio.Event(), []

    async def watch() -> None:
        while not done.is_set():
            some = await here.setting.reads.some_effective(world.eve, Question(DEV, Scope()), keys)
            seen.append({each.resolution.value for each in some})
            await asyncio.sleep(0)

    watching = asyncio.create_task(watch())
    for number in range(1, 20):
        await here.write(*(wish(key, number) for key in keys))
    done.set()
    await watching
    assert all(len(values) == 1 for values in seen)
    assert await here.read(key="k4") == 19
