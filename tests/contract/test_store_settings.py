from dataclasses import replace
from uuid import uuid4

import pytest

from application.ports.settings import Rulebook
from domain.errors import AlreadyExists
from domain.rollouts import StaleGeneration
from tests.contract.homes import DEV, LONG_AGO, PRODUCTION, Home, moved_in
from tests.contract.settings import KEY, ROOT, SOON, book, day, defined, entry, put, stored


class TestDefinitions:
    async def test_is_not_there_before_it_is_put(self, home: Home) -> None:
        async with home.transaction() as tx:
            assert await tx.settings.definition(KEY) is None
            assert await tx.settings.definition(KEY, lock=True) is None
            assert await tx.settings.definitions("", 9) == []
            assert await tx.settings.definition_versions(KEY, 9, 9) == []
            assert await tx.settings.defined(uuid4()) is None

    async def test_keeps_every_version(self, home: Home) -> None:
        first, second = defined(home), defined(home, 2, written_by=None)
        async with home.transaction() as tx:
            await tx.settings.put_definition(first, expected=0)
            await tx.settings.put_definition(second, expected=1)
        async with home.transaction() as tx:
            assert await tx.settings.definition(KEY, lock=True) == second
            assert await tx.settings.definition_versions(KEY, 9, 9) == [second, first]
            assert await tx.settings.definition_versions(KEY, 2, 9) == [first]
            assert await tx.settings.definition_versions(KEY, 9, 1) == [second]

    @pytest.mark.req("SM-D13")
    @pytest.mark.parametrize(("version", "expected"), [(2, 0), (3, 2), (1, 0)])
    async def test_a_stale_write_is_refused(self, home: Home, version: int, expected: int) -> None:
        async with home.transaction() as tx:
            await tx.settings.put_definition(defined(home), expected=0)
        with pytest.raises(StaleGeneration):
            async with home.transaction() as tx:
                await tx.settings.put_definition(defined(home, version), expected=expected)
        async with home.transaction() as tx:
            assert await tx.settings.definition_versions(KEY, 9, 9) == [defined(home)]

    async def test_a_version_of_what_is_not_there_is_stale(self, home: Home) -> None:
        with pytest.raises(StaleGeneration):
            async with home.transaction() as tx:
                await tx.settings.put_definition(defined(home, 2), expected=1)

    async def test_pages_go_by_key(self, home: Home) -> None:
        keys = ["B", "a", "a.b", "aB", "a_b", "ab"]
        async with home.transaction() as tx:
            for key in reversed(keys):
                await tx.settings.put_definition(defined(home, key=key), expected=0)
            assert [each.key for each in await tx.settings.definitions("", 9)] == keys
            assert [each.key for each in await tx.settings.definitions("a.b", 2)] == ["aB", "a_b"]

    async def test_some_are_found_by_key(self, home: Home) -> None:
        async with home.transaction() as tx:
            for key in ("a", "b"):
                await tx.settings.put_definition(defined(home, key=key), expected=0)
            await tx.settings.put_definition(defined(home, 2, key="b"), expected=1)
            assert await tx.settings.definitions_of({"b", "c"}) == {"b": defined(home, 2, key="b")}
            assert await tx.settings.definitions_of([]) == {}

    async def test_knows_the_version_that_a_request_wrote_once(self, home: Home) -> None:
        asked = defined(home, request=uuid4())
        async with home.transaction() as tx:
            await tx.settings.put_definition(asked, expected=0)
            await tx.settings.put_definition(defined(home, 2), expected=1)
            assert await tx.settings.defined(asked.request) == asked
        with pytest.raises(AlreadyExists):
            async with home.transaction() as tx:
                await tx.settings.put_definition(defined(home, 3, request=asked.request), expected=2)

    async def test_what_was_read_is_not_shared(self, home: Home) -> None:
        async with home.transaction() as tx:
            await tx.settings.put_definition(defined(home), expected=0)
            (await tx.settings.definition(KEY)).definition["default"] = 99
            assert await tx.settings.definition(KEY) == defined(home)


class TestRulebook:
    async def test_is_empty_at_first(self, home: Home) -> None:
        async with home.transaction() as tx:
            assert await tx.settings.rulebook() == Rulebook(0, [], None, None)

    async def test_is_the_newest_version(self, home: Home) -> None:
        second = book(home, 2, request=uuid4())
        async with home.transaction() as tx:
            await tx.settings.put_rulebook(book(home))
            await tx.settings.put_rulebook(second)
        async with home.transaction() as tx:
            assert await tx.settings.rulebook() == second
            assert await tx.settings.rulebook(1) == book(home)
            assert (await tx.settings.rulebook(3)).version == 0
            (await tx.settings.rulebook()).rules.clear()
            assert await tx.settings.rulebook() == second

    async def test_a_version_is_written_once(self, home: Home) -> None:
        async with home.transaction() as tx:
            await tx.settings.put_rulebook(book(home))
        with pytest.raises(AlreadyExists):
            async with home.transaction() as tx:
                await tx.settings.put_rulebook(book(home, rules=[]))


class TestTurn:
    async def test_every_turn_is_later_than_the_one_before(self, home: Home) -> None:
        instants = []
        for _ in range(3):
            async with home.transaction() as tx:
                instants.append(await tx.settings.lock(PRODUCTION))
                assert instants[-1] >= tx.now
        assert sorted(set(instants)) == instants

    async def test_what_is_written_in_a_turn_may_begin_at_its_instant(self, home: Home) -> None:
        async with home.transaction() as tx:
            await tx.settings.put_definition(defined(home), expected=0)
            now = await tx.settings.lock(PRODUCTION)
            await tx.settings.put(stored(replace(entry(home), since=now)))
        async with home.transaction() as tx:
            at = await tx.settings.lock(PRODUCTION)
            await tx.settings.end(PRODUCTION, (KEY, ROOT, 1, at))
            await tx.settings.put(stored(replace(entry(home, 2), since=at)))
            found = await tx.settings.history(PRODUCTION, KEY, ROOT, 9, 9)
        assert [(each.entry.since, each.entry.until) for each in found] == [(at, None), (now, at)]

    async def test_the_epoch_is_of_one_environment(self, home: Home) -> None:
        async with home.transaction() as tx:
            assert await tx.settings.epoch(PRODUCTION) == 0
            assert [await tx.settings.bump(PRODUCTION) for _ in range(2)] == [1, 2]
            before = await tx.settings.lock(PRODUCTION)
            at, epoch = await tx.settings.enter(PRODUCTION)
            assert (at > before, epoch) == (True, 3)
        async with home.transaction() as tx:
            assert [await tx.settings.epoch(each) for each in (PRODUCTION, DEV)] == [3, 0]


@pytest.mark.req("ST84")
async def test_sees_no_other_tenant(home: Home) -> None:
    other, request, change = await moved_in(home.store), uuid4(), uuid4()
    await put(home, stored(entry(home, change=change), request=request))
    async with home.transaction() as tx:
        await tx.settings.put_definition(defined(home, 1, "asked", request=request), expected=0)
        await tx.settings.put_rulebook(book(home))
        await tx.settings.bump(PRODUCTION)
    async with other.transaction() as tx:
        assert await tx.settings.definition(KEY) is None
        assert await tx.settings.definitions("", 9) == []
        assert await tx.settings.definitions_of([KEY]) == {}
        assert await tx.settings.definition_versions(KEY, 9, 9) == []
        assert await tx.settings.defined(request) is None
        assert (await tx.settings.rulebook()).version == 0
        assert await tx.settings.entries(PRODUCTION, None, None, LONG_AGO) == []
        assert await tx.settings.history(PRODUCTION, KEY, ROOT, 9, 9) == []
        assert await tx.settings.underlying(PRODUCTION, KEY, ROOT, day(9)) == []
        assert await tx.settings.latest(PRODUCTION, [KEY], [ROOT]) == {}
        assert await tx.settings.written(request) == []
        assert await tx.settings.of_change(change) == []
        assert await tx.settings.epoch(PRODUCTION) == 0
        picture = await tx.settings.picture(PRODUCTION)
        assert (picture.definitions, picture.entries) == ({}, [])
    await put(other, stored(entry(other, value="theirs")))
    async with home.transaction() as tx:
        assert (await tx.settings.entries(PRODUCTION, [KEY], [ROOT], SOON))[0].entry.value == 1
