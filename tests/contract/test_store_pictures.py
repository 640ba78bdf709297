from tests.contract.homes import DEV, PRODUCTION, Home
from tests.contract.settings import KEY, ROOT, SITE, defined, entry, put, stored


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
