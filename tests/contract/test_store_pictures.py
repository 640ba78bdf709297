from adapters.memory.store import MemoryStore
from tests.contract.homes import DEV, PRODUCTION, Home
from tests.contract.settings import KEY, ROOT, SITE, day, defined, entry, put, stored


class TestPicture:
    async def test_of_nothing_is_empty(self, home: Home) -> None:
        async with home.transaction() as tx:
            picture = await tx.settings.picture(PRODUCTION)
        assert (picture.epoch, picture.definitions, picture.entries) == (0, {}, [])

    async def test_holds_every_definition_and_what_holds_or_will_in_one_environment(self, home: Home) -> None:
        await put(home, stored(entry(home, 1)), stored(entry(home, 2, since=3, until=4), scope=SITE))
        await put(home, stored(entry(home, 3, since=-9, value=None), key="other"), stored(entry(home, 1), key="dev"))
        async with home.transaction() as tx:
            await tx.settings.put(stored(entry(home, 9), environment=DEV))
            await tx.settings.put_definition(defined(home, key="silent"), expected=0)
            await tx.settings.end(PRODUCTION, ("dev", ROOT, 1, None))
            await tx.settings.bump(PRODUCTION)
        async with home.transaction() as tx:
            picture = await tx.settings.picture(PRODUCTION)
            held = await tx.settings.entries(PRODUCTION, None, None, tx.now)
            assert picture.at >= tx.now
        assert picture.epoch == 1
        assert picture.definitions == {
            key: defined(home, key=key).definition for key in (KEY, "other", "dev", "silent")
        }
        assert sorted(picture.entries, key=lambda each: (each.key, each.scope)) == held
        assert [(each.key, each.scope, each.entry.version) for each in held] == [
            ("other", ROOT, 3), (KEY, ROOT, 1), (KEY, SITE, 2),
        ]  # fmt: skip

    async def test_is_not_told_differently_by_who_changes_it(self, home: Home) -> None:
        await put(home, stored(entry(home, value={"deep": [1]})))
        async with home.transaction() as tx:
            (await tx.settings.picture(PRODUCTION)).definitions[KEY]["type"] = "string"
        async with home.transaction() as tx:
            assert (await tx.settings.picture(PRODUCTION)).definitions[KEY]["type"] == "integer"

    async def test_of_some_keys_holds_these(self, home: Home) -> None:
        await put(home, stored(entry(home, 1)), stored(entry(home, 2), key="other"))
        async with home.transaction() as tx:
            picture = await tx.settings.picture(PRODUCTION, ["other", "nothing"])
        assert picture.definitions == {"other": defined(home, key="other").definition}
        assert [(each.key, each.entry.version) for each in picture.entries] == [("other", 2)]


class TestWrittenSince:
    async def test_a_picture_holds_nothing_where_nothing_was(self, home: Home) -> None:
        await put(home, stored(entry(home, 1)))
        async with home.transaction() as tx:
            before = await tx.settings.picture(PRODUCTION)
        async with home.transaction() as tx:
            await tx.settings.bump(PRODUCTION)
        async with home.transaction() as tx:
            since = await tx.settings.written_since(PRODUCTION, before.mark)
        assert (since.epoch, since.definitions, since.entries) == (before.epoch + 1, {}, [])
        assert (since.at > before.at, since.mark >= before.mark) == (True, True)

    async def test_a_picture_holds_what_was_put_ended_or_defined(self, home: Home) -> None:
        await put(home, stored(entry(home, 1)), stored(entry(home, 2), scope=SITE), stored(entry(home, 3), key="other"))
        async with home.transaction() as tx:
            before = await tx.settings.picture(PRODUCTION)
        again = defined(home, 2, key="other")
        async with home.transaction() as tx:
            await tx.settings.end(PRODUCTION, (KEY, ROOT, 1, None))
            await tx.settings.put(stored(entry(home, 4, since=5, until=6)), stored(entry(home, 5), environment=DEV))
            await tx.settings.put_definition(again, expected=1)
        async with home.transaction() as tx:
            since = await tx.settings.written_since(PRODUCTION, before.mark)
        assert since.definitions == {"other": again.definition}
        told = {each.entry.version: (each.entry.since, each.entry.until) for each in since.entries}
        assert told == {1: (day(0), day(0)), 4: (day(5), day(6))}

    async def test_what_another_transaction_had_begun_is_not_missed(self, home: Home) -> None:
        """It began before the picture was taken, and ended after it."""
        if isinstance(home.store, MemoryStore):
            return  # one transaction runs at a time
        await put(home, stored(entry(home, 1)))
        async with home.transaction() as slow:
            await slow.settings.put(stored(entry(home, 1), scope=SITE))
            async with home.transaction() as tx:
                before = await tx.settings.picture(PRODUCTION)
        async with home.transaction() as tx:
            since = await tx.settings.written_since(PRODUCTION, before.mark)
        assert SITE not in {each.scope for each in before.entries}
        assert SITE in {each.scope for each in since.entries}
