import asyncio
import io
import json
from typing import Any

import pytest

from application.settings.reading import Question
from application.settings.transfer import Intake
from domain.errors import Missing, Unavailable
from domain.people import PermissionMissing
from domain.settings import Scope
from tests.hearing import HOUR, MOMENT, Here, down
from tests.wishing import ADA, BERLIN, DE, DEV, QA, WHY, define, say, ungovern, unset, wish
from tests.world import World, world_in


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
