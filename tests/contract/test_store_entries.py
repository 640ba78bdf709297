from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from application.ports.settings import StoredEntry
from domain.environments import Environment
from domain.errors import AlreadyExists
from domain.settings import Constraint, EntryState
from tests.contract.homes import DEV, LONG_AGO, PRODUCTION, Home
from tests.contract.settings import KEY, ROOT, SITE, SOON, day, entry, put, stored


def versions(found: Sequence[StoredEntry]) -> list[int]:
    return [each.entry.version for each in found]


class TestEntries:
    @pytest.mark.req("ST71")
    @pytest.mark.parametrize("value", [None, False, 0, "", 1.5, [1, None], {"a": {"b": []}}, "\N{SNOWMAN}"])
    async def test_comes_back_as_it_was_put(self, home: Home, value: Any) -> None:
        limits = Constraint(minimum=1, maximum=9.5, allowed=(2, 3), denied=(None, {"a": [1]}))
        whole = stored(
            entry(home, 1, 0, 2, value=value, enforced=True, constraint=limits, change=uuid4(), meant_until=day(5)),
            origin="continues:7", scope=SITE, request=uuid4(),
        )  # fmt: skip
        await put(home, whole)
        async with home.transaction() as tx:
            assert await tx.settings.entries(PRODUCTION, [KEY], [SITE], SOON) == [whole]
            assert await tx.settings.history(PRODUCTION, KEY, SITE, 9, 9) == [whole]

    @pytest.mark.req("ST71")
    async def test_an_explicit_null_is_not_unset(self, home: Home) -> None:
        null = stored(entry(home, 1, 0, 1, value=None))
        unset = stored(entry(home, 2, 1, value=None, state=EntryState.UNSET, constraint=Constraint(maximum="PT5M")))
        await put(home, null, unset)
        async with home.transaction() as tx:
            found = await tx.settings.entries(PRODUCTION, [KEY], [ROOT], SOON)
        assert found == [null, unset]
        assert [each.entry.state for each in found] == [EntryState.SET, EntryState.UNSET]

    async def test_are_found_by_environment_key_and_scope(self, home: Home) -> None:
        other = stored(entry(home, value="dev"), environment=DEV)
        await put(home, other, *(stored(entry(home), key, scope) for key in ("a", KEY) for scope in (ROOT, SITE)))
        async with home.transaction() as tx:
            for keys, scopes, expected in (
                (None, None, [("a", ROOT), ("a", SITE), (KEY, ROOT), (KEY, SITE)]),
                ([KEY], None, [(KEY, ROOT), (KEY, SITE)]),
                (None, [ROOT], [("a", ROOT), (KEY, ROOT)]),
                ({"a", "b"}, {SITE, "user:x"}, [("a", SITE)]),
                ([], None, []),
                (None, [], []),
            ):
                found = await tx.settings.entries(PRODUCTION, keys, scopes, SOON)
                assert [(each.key, each.scope) for each in found] == expected
            assert await tx.settings.entries(DEV, None, None, SOON) == [other]
            assert await tx.settings.entries(Environment.QA, None, None, SOON) == []

    async def test_are_found_around_scopes(self, home: Home) -> None:
        scopes = [ROOT, "company:de", SITE, "company:de_2", "company:fr", "company:fr/site:lyon"]
        await put(home, *(stored(entry(home), scope=scope) for scope in scopes), stored(entry(home), "a", SITE))
        async with home.transaction() as tx:
            for asked, expected in (
                ([ROOT], set(scopes)),
                (["company:de"], {ROOT, "company:de", SITE}),
                ([SITE, "company:fr"], {ROOT, "company:de", SITE, "company:fr", "company:fr/site:lyon"}),
                (["company:it/site:rom"], {ROOT}),
            ):
                found = await tx.settings.around(PRODUCTION, [KEY], asked, SOON)
                assert [(each.key, each.scope) for each in found] == [(KEY, scope) for scope in sorted(expected)]
            assert await tx.settings.around(PRODUCTION, [KEY], [ROOT], day(1)) != []
            many = [f"company:c{number}" for number in range(1_000)]
            assert {each.scope for each in await tx.settings.around(PRODUCTION, [KEY], many, SOON)} >= {ROOT}

    async def test_are_those_that_hold_after_an_instant(self, home: Home) -> None:
        await put(home, *(stored(entry(home, n, n, n + 1)) for n in (1, 2)), stored(entry(home, 3, 3)))
        async with home.transaction() as tx:
            for at, expected in (
                (day(0), [1, 2, 3]),
                (day(2) - timedelta(microseconds=1), [1, 2, 3]),
                (day(2), [2, 3]),
                (day(3), [3]),
                (day(999), [3]),
            ):
                assert versions(await tx.settings.entries(PRODUCTION, [KEY], [ROOT], at)) == expected

    @pytest.mark.parametrize(("since", "until"), [(0, 3), (1, 2), (0, None), (2, None)])
    async def test_never_overlap(self, home: Home, since: int, until: int | None) -> None:
        await put(home, stored(entry(home, 1, 1, 3)))
        with pytest.raises(AlreadyExists):
            await put(home, stored(entry(home, 2, since, until)))

    async def test_a_version_is_written_once(self, home: Home) -> None:
        await put(home, stored(entry(home, 1, 0, 1)))
        with pytest.raises(AlreadyExists):
            await put(home, stored(entry(home, 1, 5)))

    async def test_may_touch_and_be_elsewhere_at_the_same_time(self, home: Home) -> None:
        await put(home, stored(entry(home, 1, 0, 1)), stored(entry(home, 2, 1)), stored(entry(home), scope=SITE))
        async with home.transaction() as tx:
            assert versions(await tx.settings.entries(PRODUCTION, None, None, SOON)) == [1, 2, 1]

    async def test_what_was_read_is_not_shared(self, home: Home) -> None:
        await put(home, stored(entry(home, value=[1])))
        async with home.transaction() as tx:
            (await tx.settings.history(PRODUCTION, KEY, ROOT, 9, 9))[0].entry.value.append(2)
            assert (await tx.settings.history(PRODUCTION, KEY, ROOT, 9, 9))[0].entry.value == [1]

    async def test_are_known_by_the_request_that_wrote_them(self, home: Home) -> None:
        request = uuid4()
        first, second = (stored(entry(home), scope=scope, request=request) for scope in (ROOT, SITE))
        await put(home, second, stored(entry(home), scope="user:x", request=uuid4()), first)
        async with home.transaction() as tx:
            assert await tx.settings.written(request) == [first, second]
            assert await tx.settings.written(uuid4()) == []

    async def test_are_known_by_the_change_that_they_are_from(self, home: Home) -> None:
        change = uuid4()
        first, second = (stored(entry(home, change=change), scope=scope) for scope in (ROOT, SITE))
        await put(home, second, stored(entry(home, change=uuid4()), scope="user:x"), first)
        async with home.transaction() as tx:
            assert await tx.settings.of_change(change) == [first, second]
            assert await tx.settings.of_change(uuid4()) == []


@pytest.mark.req("ST79")
class TestEnd:
    async def test_makes_room_at_an_instant(self, home: Home) -> None:
        await put(home, stored(entry(home)))
        async with home.transaction() as tx:
            await tx.settings.end(PRODUCTION, (KEY, ROOT, 1, day(2)))
            await tx.settings.put(stored(entry(home, 2, 2)))
        async with home.transaction() as tx:
            found = await tx.settings.entries(PRODUCTION, [KEY], [ROOT], SOON)
        assert [(e.entry.since, e.entry.until, e.entry.meant_until) for e in found] == [
            (day(0), day(2), None),
            (day(2), None, None),
        ]

    async def test_makes_room_by_never_beginning(self, home: Home) -> None:
        planned = stored(entry(home, 1, 1, 3))
        await put(home, planned)
        async with home.transaction() as tx:
            await tx.settings.end(PRODUCTION, (KEY, ROOT, 1, None))
            await tx.settings.put(stored(entry(home, 2, 0)))
        async with home.transaction() as tx:
            assert versions(await tx.settings.entries(PRODUCTION, [KEY], None, LONG_AGO)) == [2]
            never = replace(planned, entry=replace(planned.entry, until=day(1)))
            assert await tx.settings.history(PRODUCTION, KEY, ROOT, 9, 9) == [stored(entry(home, 2, 0)), never]

    async def test_knows_the_version(self, home: Home) -> None:
        with pytest.raises(LookupError):
            async with home.transaction() as tx:
                await tx.settings.end(PRODUCTION, (KEY, ROOT, 1, None))


class TestHistory:
    async def test_goes_from_the_newest_by_pages(self, home: Home) -> None:
        await put(home, *(stored(entry(home, n, n, n + 1)) for n in (1, 2, 3)), stored(entry(home, 9), scope=SITE))
        async with home.transaction() as tx:
            assert versions(await tx.settings.history(PRODUCTION, KEY, ROOT, 9, 9)) == [3, 2, 1]
            assert versions(await tx.settings.history(PRODUCTION, KEY, ROOT, 3, 1)) == [2]
            assert await tx.settings.history(DEV, KEY, ROOT, 9, 9) == []

    async def test_latest_counts_what_was_cancelled(self, home: Home) -> None:
        await put(home, *(stored(entry(home, n, n, n + 1)) for n in (1, 2)), stored(entry(home, 5), "a", SITE))
        async with home.transaction() as tx:
            await tx.settings.end(PRODUCTION, (KEY, ROOT, 2, None))
            found = await tx.settings.latest(PRODUCTION, [KEY, "a", "b"], [ROOT, SITE])
            assert found == {(KEY, ROOT): 2, ("a", SITE): 5}
            assert await tx.settings.latest(PRODUCTION, [KEY], [SITE]) == {}
            assert await tx.settings.latest(DEV, [KEY], [ROOT]) == {}


class TestUnderlying:
    """Below, every day number is an instant at which somebody wrote."""

    async def test_reaches_down_to_the_newest_that_was_meant_to_last(self, home: Home) -> None:
        await put(
            home,
            stored(entry(home, 1, 0, 1, meant_until=None)),
            stored(entry(home, 2, 1, 2, meant_until=day(90))),
            stored(entry(home, 3, 2, 3, meant_until=None)),
            stored(entry(home, 4, 3, 4, meant_until=day(90))),
            stored(entry(home, 5, 4, 5)),
            stored(entry(home, 6, 5, 9, meant_until=day(20))),
            stored(entry(home, 7, 9, None)),
        )
        async with home.transaction() as tx:
            for at, expected in ((0, [1]), (1, [1, 2]), (2, [3]), (5, [3, 4, 6]), (20, [7])):
                assert versions(await tx.settings.underlying(PRODUCTION, KEY, ROOT, day(at))) == expected
            assert await tx.settings.underlying(PRODUCTION, KEY, SITE, day(5)) == []
            assert await tx.settings.underlying(DEV, KEY, ROOT, day(5)) == []

    async def test_leaves_out_what_never_began(self, home: Home) -> None:
        await put(home, stored(entry(home, 1, 0, 2, meant_until=day(9))), stored(entry(home, 2, 2)))
        async with home.transaction() as tx:
            await tx.settings.end(PRODUCTION, (KEY, ROOT, 2, None))
            assert versions(await tx.settings.underlying(PRODUCTION, KEY, ROOT, day(3))) == [1]
