from datetime import timedelta

import pytest

from application.settings.reading import MOST_KEYS, Question
from domain.environments import Environment
from domain.errors import Invalid, Missing
from domain.people import PermissionMissing
from domain.settings import UNSET, Scope, TraceState
from tests.wishing import ADA, BERLIN, DE, DEV, cancel, define, resolution, say, unset, value, wish
from tests.world import World

DAY = timedelta(days=1)
HERE = Question(DEV, Scope(ADA))


@pytest.mark.req("FR-SM-003", "ST71")
class TestExplanation:
    async def test_tells_every_level_from_broad_to_narrow(self, world: World) -> None:
        await define(world, default=10)
        await say(world, wish("limit", 20), wish("limit", 25, BERLIN), unset("limit", DE))
        told = await resolution(world, scope=ADA)
        assert [(line.label, line.state.value) for line in told.trace] == [
            ("default", "default"), ("", "set"), (DE, "unset"), (BERLIN, "set"), (ADA, "none"),
        ]  # fmt: skip
        assert (told.value, told.winner) == (25, BERLIN)

    async def test_tells_who_wrote_what_is_in_force_and_why(self, world: World) -> None:
        await define(world)
        await say(world, wish("limit", 20))
        won = (await resolution(world, scope=ADA)).won
        assert won is not None
        assert won.entry is not None
        assert (won.entry.written_by, won.entry.version) == (world.ada.id, 1)

    async def test_tells_what_hides_a_value_and_what_is_planned(self, world: World) -> None:
        await define(world)
        noon = world.clock() + DAY
        await say(world, wish("limit", 30, ADA), wish("limit", 31, DE, since=noon))
        await say(world, wish("limit", 20, enforced=True))
        states = {line.label: line.state for line in (await resolution(world, scope=ADA)).trace}
        assert (states[""], states[ADA]) == (TraceState.ENFORCED, TraceState.SHADOWED)
        assert states[DE] is TraceState.SCHEDULED

    async def test_of_a_key_that_nothing_says_has_no_value(self, world: World) -> None:
        await define(world)
        told = await resolution(world, scope=ADA)
        assert (told.found, told.value, told.winner) == (False, UNSET, None)

    async def test_tells_until_when_it_stays(self, world: World) -> None:
        await define(world)
        noon = world.clock() + DAY
        await say(world, wish("limit", 20), wish("limit", 30, DE, since=noon))
        assert (await resolution(world, scope=ADA)).next_change == noon
        assert (await resolution(world)).next_change is None


@pytest.mark.req("ST79")
class TestPast:
    async def test_is_told_as_it_was(self, world: World) -> None:
        await define(world, default=10)
        before = world.clock()
        await say(world, wish("limit", 20))
        then = world.clock()
        world.clock += DAY
        await say(world, wish("limit", 30))
        assert await value(world, as_of=before) == 10
        assert await value(world, as_of=then) == 20
        assert await value(world) == 30

    async def test_of_a_scope_is_listed_newest_first_with_what_never_began(self, world: World) -> None:
        await define(world)
        await say(world, wish("limit", 20, DE))
        await say(world, wish("limit", 30, DE, since=world.clock() + DAY))
        await cancel(world, "limit", 2, DE)
        read = world.setting.reads.history
        every = await read(world.eve, DEV, "limit", Scope(DE), 99, 99)
        numbers = [each.entry.version for each in every]
        assert (numbers, numbers[-2:]) == (sorted(numbers, reverse=True), [2, 1])
        assert every[-2].entry.until == every[-2].entry.since
        assert [each.entry.version for each in await read(world.eve, DEV, "limit", Scope(DE), 3, 1)] == [2]
        assert await read(world.eve, DEV, "limit", Scope(), 99, 99) == []


class TestOneScope:
    async def test_tells_what_it_says_itself_in_order_of_time(self, world: World) -> None:
        await define(world, default=10)
        noon = world.clock() + DAY
        await say(world, wish("limit", 30, since=noon))
        await say(world, wish("limit", 20))
        await say(world, wish("limit", 99, DE))
        entries, newest = await world.setting.reads.stored(world.eve, DEV, "limit", Scope())
        assert [each.entry.value for each in entries] == [20, 30]
        assert newest == max(each.entry.version for each in entries)
        assert await world.setting.reads.stored(world.eve, DEV, "limit", Scope(ADA)) == ([], 0)


class TestMany:
    async def test_are_read_by_key_in_pages(self, world: World) -> None:
        for key in ("c", "a", "b"):
            await define(world, key, default=1)
        await say(world, wish("b", 2, DE))
        first = await world.setting.reads.all_effective(world.eve, HERE, "", 2)
        rest = await world.setting.reads.all_effective(world.eve, HERE, "b", 2)
        assert [(each.definition.key, each.resolution.value) for each in first + rest] == [("a", 1), ("b", 2), ("c", 1)]
        assert {each.epoch for each in first} == {4}

    async def test_are_read_in_the_order_asked_and_without_unknown_ones(self, world: World) -> None:
        for key in ("a", "b"):
            await define(world, key, default=1)
        some = await world.setting.reads.some_effective(world.eve, HERE, ["b", "nothing", "a"])
        assert [each.definition.key for each in some] == ["b", "a"]

    async def test_are_not_too_many(self, world: World) -> None:
        with pytest.raises(Invalid):
            await world.setting.reads.some_effective(world.eve, HERE, [f"k{n}" for n in range(MOST_KEYS + 1)])

    async def test_do_not_see_each_others_values(self, world: World) -> None:
        await define(world, "a", default=1)
        await define(world, "b", default=1)
        await say(world, wish("a", 2))
        some = await world.setting.reads.some_effective(world.eve, HERE, ["a", "b"])
        assert [each.resolution.value for each in some] == [2, 1]


class TestEpoch:
    async def test_is_that_of_the_environment(self, world: World) -> None:
        await define(world, default=1)
        await say(world, wish("limit", 2))
        epochs = {
            environment: (await world.setting.reads.effective(world.eve, Question(environment, Scope()), "limit")).epoch
            for environment in Environment
        }
        assert [epochs[environment] for environment in Environment] == [
            1 + (environment is DEV) for environment in Environment
        ]  # fmt: skip


class TestReader:
    async def test_of_an_unknown_key_is_told_so(self, world: World) -> None:
        reads = world.setting.reads
        with pytest.raises(Missing):
            await reads.effective(world.eve, HERE, "nothing")
        with pytest.raises(Missing):
            await reads.stored(world.eve, DEV, "nothing", Scope())
        with pytest.raises(Missing):
            await reads.history(world.eve, DEV, "nothing", Scope(), 9, 9)

    async def test_without_permission_sees_nothing(self, world: World) -> None:
        await define(world)
        nobody = type(world.eve)(world.eve.tenant, world.eve.id, "nobody")
        reads = world.setting.reads
        for reading in (
            reads.effective(nobody, HERE, "limit"),
            reads.all_effective(nobody, HERE, "", 9),
            reads.some_effective(nobody, HERE, ["limit"]),
            reads.stored(nobody, DEV, "limit", Scope()),
            reads.history(nobody, DEV, "limit", Scope(), 9, 9),
            world.setting.rules.get(nobody),
            world.setting.definitions.get(nobody, "limit"),
            world.setting.definitions.page(nobody, "", 9),
            world.setting.definitions.versions(nobody, "limit", 9, 9),
        ):
            with pytest.raises(PermissionMissing):
                await reading
