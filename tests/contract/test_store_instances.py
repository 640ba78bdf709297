from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from adapters.memory.instances import MemoryInstances
from application.ports.instances import Written
from domain.changes import Kind
from domain.environments import Environment
from domain.events import Event, EventType, Subject, new_event_id
from domain.instances import Convergence, Holds, Instance, Wish
from tests.contract.homes import DEV, LONG_AGO, PRODUCTION, Home

TWINS = (MemoryInstances,)
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
EARLIER = NOW - timedelta(minutes=6)


def instance(name: str, environment: Environment = PRODUCTION, at: datetime = NOW, **holds: int) -> Instance:
    return Instance(environment, name, Holds(**holds), at)


async def told(home: Home, *seen: Instance, most: int = 100) -> None:
    async with home.transaction() as tx:
        await tx.instances.report(seen, most=most)


async def names(home: Home, since: datetime = LONG_AGO, **given: Any) -> list[str]:
    async with home.transaction() as tx:
        page = await tx.instances.page(
            given.get("environment", PRODUCTION), Kind.FLAG, since, given.get("after", ""), given.get("limit", 100)
        )
        return [each.name for each in page]


class TestReporting:
    async def test_each_is_known_with_its_newest_word(self, home: Home) -> None:
        await told(home, instance("a", flags=1, settings=4), instance("b", DEV, flags=9))
        await told(home, instance("a", at=NOW + timedelta(seconds=1), flags=2))
        async with home.transaction() as tx:
            assert await tx.instances.page(PRODUCTION, Kind.FLAG, NOW, "", 10) == [
                Instance(PRODUCTION, "a", Holds(2, 4), NOW + timedelta(seconds=1))
            ]

    async def test_an_older_word_changes_nothing(self, home: Home) -> None:
        await told(home, instance("a", flags=2))
        await told(home, instance("a", at=EARLIER, flags=1))
        async with home.transaction() as tx:
            assert await tx.instances.page(PRODUCTION, Kind.FLAG, LONG_AGO, "", 10) == [instance("a", flags=2)]

    async def test_an_instance_may_go_back(self, home: Home) -> None:
        await told(home, instance("a", flags=7))
        await told(home, instance("a", at=NOW + timedelta(seconds=1), flags=3))
        async with home.transaction() as tx:
            assert await tx.instances.tally(PRODUCTION, Kind.FLAG, LONG_AGO) == {3: 1}

    async def test_who_was_not_seen_for_longest_is_forgotten_first(self, home: Home) -> None:
        await told(home, *(instance(f"i{n}", flags=1, at=NOW + timedelta(seconds=n)) for n in range(6)), most=4)
        assert await names(home) == ["i2", "i3", "i4", "i5"]

    async def test_who_is_forgotten_is_gone_where_it_was_named_and_nowhere_else(self, home: Home) -> None:
        await told(home, instance("a", flags=1), instance("b", flags=1), instance("a", DEV, flags=1))
        async with home.transaction() as tx:
            await tx.instances.forget({(PRODUCTION, "a"), (DEV, "b")})
            await tx.instances.forget(())
        assert (await names(home), await names(home, environment=DEV)) == (["b"], ["a"])

    async def test_nothing_to_report_is_no_fault(self, home: Home) -> None:
        await told(home)
        assert await names(home) == []


class TestLooking:
    async def test_pages_are_by_name_and_of_one_environment(self, home: Home) -> None:
        await told(
            home, instance("c", flags=1), instance("a", flags=1), instance("b", flags=1), instance("d", DEV, flags=1)
        )
        assert await names(home, limit=2) == ["a", "b"]
        assert await names(home, after="b") == ["c"]

    async def test_who_follows_nothing_of_the_kind_is_on_no_page(self, home: Home) -> None:
        await told(home, instance("a", settings=1), instance("b", flags=1), instance("c"))
        assert await names(home) == ["b"]

    async def test_who_was_not_seen_since_is_left_out(self, home: Home) -> None:
        await told(home, instance("old", at=EARLIER, flags=1), instance("new", flags=1))
        assert await names(home, NOW - timedelta(minutes=5)) == ["new"]
        async with home.transaction() as tx:
            assert await tx.instances.tally(PRODUCTION, Kind.FLAG, NOW) == {1: 1}

    async def test_who_follows_nothing_of_the_kind_is_not_counted(self, home: Home) -> None:
        await told(
            home, instance("a", flags=1), instance("b", flags=1), instance("c", flags=2), instance("d", settings=5)
        )
        async with home.transaction() as tx:
            assert await tx.instances.tally(PRODUCTION, Kind.FLAG, LONG_AGO) == {1: 2, 2: 1}
            assert await tx.instances.tally(PRODUCTION, Kind.SETTING, LONG_AGO) == {5: 1}


class TestConverging:
    @pytest.mark.req("S59")
    async def test_counts_who_is_live_and_who_holds_what_is_wished(self, home: Home) -> None:
        await told(
            home, instance("old", flags=1), instance("new", flags=2), instance("gone", at=EARLIER, flags=1),
            instance("other", settings=1), instance("elsewhere", DEV, flags=1),
        )  # fmt: skip
        async with home.transaction() as tx:
            wishes = [Wish(home.tenant.id, PRODUCTION, flags=2)]
            assert await tx.instances.converged(wishes, NOW - timedelta(minutes=5)) == Convergence(2, 1)

    async def test_who_follows_both_must_hold_both(self, home: Home) -> None:
        await told(home, instance("a", flags=2, settings=1), instance("b", flags=2), instance("c", settings=3))
        async with home.transaction() as tx:
            wishes = [Wish(home.tenant.id, PRODUCTION, flags=2, settings=3)]
            assert await tx.instances.converged(wishes, LONG_AGO) == Convergence(3, 2)

    async def test_nobody_is_whole(self, home: Home) -> None:
        async with home.transaction() as tx:
            assert (await tx.instances.converged([], LONG_AGO)).share == 1.0

    async def test_another_tenants_instances_are_not_told(self, home: Home) -> None:
        from tests.contract.homes import moved_in

        other = await moved_in(home.store)
        await told(other, instance("a", flags=1))
        async with home.transaction() as tx:
            wishes = [Wish(other.tenant.id, PRODUCTION, flags=1), Wish(uuid4(), PRODUCTION, flags=1)]
            assert await tx.instances.converged(wishes, LONG_AGO) == Convergence(0, 0)
        assert await names(home) == []


class TestWritten:
    async def test_versions_are_told_with_the_revision_from_which_they_hold(self, home: Home) -> None:
        def event(key: str, version: int, environment: Environment = PRODUCTION) -> Event:
            kind = EventType.FEATURE_FLAG_UPDATED
            return Event(
                new_event_id(LONG_AGO), kind, home.tenant.id, environment, Subject(key, None, version), LONG_AGO
            )

        async with home.transaction() as tx:
            await tx.flags.put(home.flag(), expected=0)
            await tx.events.add(event("checkout", 1), event("other", 5), event("checkout", 9, DEV))
        async with home.transaction() as tx:
            await tx.events.number(10)
        async with home.transaction() as tx:
            assert await tx.instances.written(PRODUCTION, Kind.FLAG, "checkout", 5) == [Written(1, 1)]
            assert await tx.instances.written(PRODUCTION, Kind.SETTING, "checkout", 5) == []
