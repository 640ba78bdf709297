import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.memory.flag_usage import MemoryFlagReferences, MemoryFlagUsage
from application.ports.flag_usage import Counted, StoredScan, Times
from application.ports.records import StoredFlag
from domain.flags import SHARED_RULES
from domain.flags.lifecycle import Given, Heard, archived
from domain.flags.references import Reference
from tests.contract.homes import DEV, LONG_AGO, PRODUCTION, Home, moved_in

TWINS = (MemoryFlagUsage, MemoryFlagReferences)
NOON = datetime(2026, 1, 31, 12, 10, tzinfo=UTC)
LATER = NOON + timedelta(hours=2)


def counted(key: str = "checkout", variant: str = "on", at: datetime = NOON, times: int = 1, **more: Any) -> Counted:
    return Counted(more.get("environment", PRODUCTION), key, variant, more.get("reason", "STATIC"), at, times)


@pytest.fixture
async def house(home: Home) -> Home:
    """With three flags in production, and one in dev."""
    await furnished(home)
    return home


async def furnished(home: Home) -> None:
    async with home.transaction() as tx:
        for key in ("basket", "checkout", "search"):
            await tx.flags.put(home.flag(key=key), expected=0)
        await tx.flags.put(home.flag(environment=DEV), expected=0)


async def add(home: Home, *of: Counted) -> None:
    async with home.transaction() as tx:
        await tx.flag_usage.add(of)


class TestCounting:
    async def test_counts_are_added_by_the_hour(self, house: Home) -> None:
        await add(house, counted(times=2), counted(times=3), counted(variant="", reason="DISABLED"))
        await add(house, counted(at=NOON + timedelta(minutes=49)), counted(at=LATER, times=7))
        await add(house)
        async with house.transaction() as tx:
            assert await tx.flag_usage.times(PRODUCTION, "checkout", LONG_AGO) == [
                Times("", "DISABLED", 1), Times("on", "STATIC", 13),
            ]  # fmt: skip
            since = NOON + timedelta(minutes=40)
            assert await tx.flag_usage.times(PRODUCTION, "checkout", since) == [
                Times("", "DISABLED", 1), Times("on", "STATIC", 13),
            ]  # fmt: skip
            assert await tx.flag_usage.times(PRODUCTION, "checkout", LATER) == [Times("on", "STATIC", 7)]
            assert await tx.flag_usage.times(DEV, "checkout", LONG_AGO) == []

    async def test_of_a_key_that_no_flag_has_nothing_is_kept(self, house: Home) -> None:
        await add(house, counted("nothing"), counted("basket", environment=DEV))
        async with house.transaction() as tx:
            assert await tx.flag_usage.times(PRODUCTION, "nothing", LONG_AGO) == []
            assert (await tx.flag_usage.heard(PRODUCTION), await tx.flag_usage.heard(DEV)) == (None, None)

    async def test_variants_are_known_from_first_to_last(self, house: Home) -> None:
        await add(house, counted(at=LATER), counted(variant="off"), counted("basket", variant="on"))
        await add(house, counted(at=NOON - timedelta(days=1)), counted(variant="off", at=LATER))
        await add(house, counted(variant="", reason="ERROR"), counted("search"))
        async with house.transaction() as tx:
            assert await tx.flag_usage.given(PRODUCTION, ["checkout", "basket", "nothing"]) == {
                "basket": [Given("on", NOON, NOON)],
                "checkout": [Given("off", NOON, LATER), Given("on", NOON - timedelta(days=1), LATER)],
            }
            assert await tx.flag_usage.heard(PRODUCTION) == Heard(NOON - timedelta(days=1), LATER)
            assert await tx.flag_usage.given(PRODUCTION, []) == {}

    async def test_the_last_is_known_to_the_minute(self, house: Home) -> None:
        for seconds in (0, 59, 61):
            await add(house, counted(at=NOON + timedelta(seconds=seconds)))
            async with house.transaction() as tx:
                (given,) = (await tx.flag_usage.given(PRODUCTION, ["checkout"]))["checkout"]
            assert given.last_at == NOON + timedelta(seconds=seconds if seconds != 59 else 0)

    async def test_hours_are_forgotten_and_variants_are_not(self, house: Home) -> None:
        await add(house, counted(), counted(at=LATER))
        async with house.transaction() as tx:
            await tx.flag_usage.forget(LATER - timedelta(hours=1))
            assert await tx.flag_usage.times(PRODUCTION, "checkout", LONG_AGO) == [Times("on", "STATIC", 1)]
            assert await tx.flag_usage.given(PRODUCTION, ["checkout"]) == {"checkout": [Given("on", NOON, LATER)]}

    async def test_who_counts_at_the_same_time_waits_in_no_ring(self, house: Home) -> None:
        there = [counted(key, variant) for key in ("basket", "checkout", "search") for variant in ("off", "on")]
        await asyncio.gather(*(add(house, *(there if n % 2 else reversed(there))) for n in range(12)))
        async with house.transaction() as tx:
            for key in ("basket", "checkout", "search"):
                assert [each.times for each in await tx.flag_usage.times(PRODUCTION, key, LONG_AGO)] == [12, 12]

    async def test_when_flags_were_made_is_known_whatever_their_version(self, house: Home) -> None:
        async with house.transaction() as tx:
            await tx.flags.put(house.flag(version=2), expected=1)
            assert await tx.flags.made(PRODUCTION, ["checkout", "nothing"]) == {"checkout": LONG_AGO}


class TestArchived:
    async def test_it_is_kept_and_not_served(self, house: Home) -> None:
        async with house.transaction() as tx:
            flag = house.flag(2)
            await tx.flags.put(replace(flag, definition=archived(flag.definition)), expected=1)
            named = {"metadata": {"archived": True}}  # as a shared rule may be called
            rules = StoredFlag(PRODUCTION, SHARED_RULES, 1, named, "api", house.ada.id, LONG_AGO)
            await tx.flags.put(rules, expected=0)
            served = await tx.flags.flag_set(PRODUCTION)
            assert (sorted(served.flags), served.evaluators) == (["basket", "search"], named)
            assert [each.key for each in await tx.flags.page(PRODUCTION, "", 9)] == ["basket", "checkout", "search"]
            assert sorted((await tx.flags.flag_set(DEV)).flags) == ["checkout"]


class TestReferences:
    def scan(self, home: Home, repository: str = "shop", at: datetime = NOON, **more: Any) -> StoredScan:
        return StoredScan(more.get("environment", PRODUCTION), repository, more.get("revision"), at, home.ada.id)

    async def test_a_report_takes_the_place_of_the_one_before(self, house: Home) -> None:
        api, first = self.scan(house, "api"), self.scan(house, revision="3f2a91c")
        second = self.scan(house, at=LATER)
        async with house.transaction() as tx:
            await tx.flag_references.put(api, [Reference("checkout", "a.go", (1,))])
            await tx.flag_references.put(self.scan(house, environment=DEV), [Reference("checkout", "d.py", (1, 2))])
            await tx.flag_references.put(
                first, [Reference("checkout", "x.py", (3, 9)), Reference("basket", "x.py", (4,))]
            )
            assert await tx.flag_references.scan(PRODUCTION, "shop") == first
            await tx.flag_references.put(
                second, [Reference("search", "y.py", (5,)), Reference("checkout", "z.py", (6, 7))]
            )
        async with house.transaction() as tx:
            assert await tx.flag_references.scans(PRODUCTION) == [api, second]
            assert await tx.flag_references.scan(PRODUCTION, "nothing") is None
            assert await tx.flag_references.places(PRODUCTION, ["checkout", "basket"]) == {
                ("checkout", "api"): 1, ("checkout", "shop"): 2,
            }  # fmt: skip
            await tx.flag_references.put(second, [])
            assert await tx.flag_references.places(PRODUCTION, ["search"]) == {}

    async def test_pages_are_by_repository_and_path(self, house: Home) -> None:
        async with house.transaction() as tx:
            for name in ("shop", "api"):
                found = [Reference("checkout", path, (1,)) for path in ("b/x.py", "a.py")]
                await tx.flag_references.put(self.scan(house, name), [*found, Reference("basket", "a.py", (1,))])
            first = await tx.flag_references.page(PRODUCTION, "checkout", ("", ""), 3)
            assert [(name, each.path) for name, each in first] == [("api", "a.py"), ("api", "b/x.py"), ("shop", "a.py")]
            rest = await tx.flag_references.page(PRODUCTION, "checkout", ("shop", "a.py"), 3)
            assert rest == [("shop", Reference("checkout", "b/x.py", (1,)))]


@pytest.mark.req("API1")
async def test_what_another_tenant_counts_is_not_seen(house: Home) -> None:
    neighbour = await moved_in(house.store)
    await furnished(neighbour)
    await add(neighbour, counted())
    async with neighbour.transaction() as tx:
        await tx.flag_references.put(
            StoredScan(PRODUCTION, "shop", None, NOON, neighbour.ada.id), [Reference("checkout", "x", (1,))]
        )
    async with house.transaction() as tx:
        assert await tx.flag_usage.times(PRODUCTION, "checkout", LONG_AGO) == []
        assert await tx.flag_usage.given(PRODUCTION, ["checkout"]) == {}
        assert await tx.flag_usage.heard(PRODUCTION) is None
        assert await tx.flag_references.scans(PRODUCTION) == []
        assert await tx.flag_references.places(PRODUCTION, ["checkout"]) == {}
