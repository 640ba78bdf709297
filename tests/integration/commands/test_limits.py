"""Limits hold over all workers, and hold up nobody else."""

import asyncio
from collections import Counter
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.store import PostgresStore
from application.commands import relaying
from application.commands.handling import Handlers, Order, handles
from application.commands.limiting import Limiting, Wanted
from domain.canonical import Json
from domain.commands.outcomes import HandlerKind
from domain.commands.policies import TypePolicy
from tests.conftest import housed
from tests.integration.commands.bound import (
    MOMENT,
    Bound,
    S,
    Unlucky,
    at_work,
    counted,
    named,
    until,
)
from tests.works import Note, Site


@pytest_asyncio.fixture
async def bound(site: Site) -> Site:
    return Site(site.tenant, site.store, site.owner, Bound())


class TestRate:
    @pytest.mark.req("CB-37")
    async def test_holds_over_three_workers_and_fills_again(self, bound: Site, owner: asyncpg.Connection) -> None:
        names = named("t", 40)
        await bound.send(*names, type="works.ten")
        async with at_work(bound) as shift:
            assert await shift.work() == 10
            assert await shift.work() == 0
            assert sorted(bound.works.calls) == [f"works/{each}:1" for each in names[:10]]
            await owner.execute(
                "UPDATE command_bucket SET filled_at = filled_at - interval '4001 seconds' WHERE tenant_id = $1",
                bound.tenant,
            )
            assert await shift.work() == 4
        stands = await bound.stands(*names)
        assert Counter(each.state for each in stands) == {S.COMPLETED: 14, S.PENDING: 26}
        assert {each.attempt for each in stands if each.state is S.PENDING} == {0}

    @pytest.mark.req("CB-37")
    async def test_holds_up_nobody_else_in_the_lane(self, bound: Site) -> None:
        await bound.send(*named("t", 1000), type="works.ten", priority=9)
        await bound.send("plain", type="works.write", priority=0)
        async with at_work(bound, most=20) as shift:
            assert await shift.work() == 11
        assert await bound.effects() == ["plain"]

    @pytest.mark.req("CB-37")
    async def test_over_all_tenants_is_one(self, site: Site, store: PostgresStore) -> None:
        kind = f"works.all-{uuid4().hex}"

        @handles(kind, Note, HandlerKind.EXTERNAL, policy=TypePolicy(
            per_second=0.001, burst=6, at_once=6, limit_scope="everywhere"))  # fmt: skip
        async def share(order: Order, note: Note) -> Json:
            return {"of": str(order.tenant)}

        sites = [Site(each, store, site.owner) for each in (site.tenant, (await housed(store)).id)]
        for each in sites:
            each.handlers = Handlers(share)
            await each.send(*named("s", 5), type=kind)
        async with at_work(*sites) as shift:
            assert await shift.work() == 6
        done = [(await counted(each, named("s", 5)))[S.COMPLETED] for each in sites]
        assert sum(done) == 6


class TestConcurrency:
    @pytest.mark.req("CB-37")
    async def test_holds_over_three_workers(self, bound: Site) -> None:
        names, free = named("t", 9), asyncio.Semaphore(0)

        async def wait() -> None:
            await free.acquire()

        await bound.send(*names, type="works.three")
        bound.works.ways = {each: [wait] for each in names}
        async with at_work(bound) as shift:
            for done in (3, 6, 9):
                await shift.round()
                await until(lambda: len(bound.works.calls) == done)  # noqa: B023 -- it is asked within its turn
                assert await shift.round() == 0
                assert (await counted(bound, names))[S.RUNNING] == 3
                for _ in range(3):
                    free.release()
                await shift.settled()
        assert isinstance(bound.works, Bound)
        assert bound.works.most["works.three"] == 3
        assert await counted(bound, names) == {S.COMPLETED: 9}


class TestNothing:
    @pytest.mark.req("CB-37")
    async def test_more_is_asked_of_the_database_for_what_has_no_bounds(
        self, site: Site, bound: Site, engine: AsyncEngine
    ) -> None:
        """Only statements of the lease itself: the same one that there is without any limits."""

        async def asked(of: Site, types: str) -> list[str]:
            await of.send(f"one-of-{types}", type=f"works.{types}")
            heard: list[str] = []

            def hear(*told: Any) -> None:
                heard.append(told[2])

            async with of.store.transaction(of.tenant) as tx:
                event.listen(engine.sync_engine, "before_cursor_execute", hear)
                wanted = Wanted("works", 10, tx.now + MOMENT, uuid4())
                assert len(await Limiting(of.handlers).lease(tx, wanted)) == 1
                event.remove(engine.sync_engine, "before_cursor_execute", hear)
            return heard

        (only,) = await asked(site, "write")
        assert "waiting" not in only
        assert len(await asked(bound, "ten")) > 1


class TestFairness:
    @pytest.mark.req("CB-33")
    async def test_of_tenants_is_by_turns_however_much_one_has_sent(self, site: Site, store: PostgresStore) -> None:
        """Ten of the small one are done before more than two leases of the large one."""
        small = Site((await housed(store)).id, store, site.owner, site.works)
        many, few = named("a", 5000), named("b", 10)
        await site.send(*many, priority=9)
        await small.send(*few, priority=0)
        async with at_work(site, small, workers=1) as shift:
            for _ in range(2):
                await asyncio.gather(*(each.turn() for each in shift.relays))
            await shift.settled()
            assert await counted(small, few) == {S.COMPLETED: 10}
        before = len(await site.effects())
        assert 0 < before <= 2 * relaying.MOST

    @pytest.mark.req("CB-33")
    async def test_who_has_least_in_flight_goes_first(self, site: Site, store: PostgresStore) -> None:
        """Two tenants with long commands fill a relay; the place that becomes free is the third one's."""
        tenants = [site.tenant, *[(await housed(store)).id for _ in range(2)]]
        free = asyncio.Semaphore(0)

        async def wait() -> None:
            await free.acquire()

        sites = [Site(each, store, site.owner, site.works) for each in tenants]
        for number, each in enumerate(sites[:2]):
            names = named(f"s{number}-", 20)
            site.works.ways |= {name: [wait] for name in names}
            await each.send(*names)
        async with at_work(*sites, workers=1, most=1) as shift:
            shift.relays[0].source.lanes = Unlucky(site.store, tuple(tenants))
            assert await shift.round() == relaying.IN_FLIGHT
            await until(lambda: len(site.works.calls) == relaying.IN_FLIGHT)
            await sites[2].send("little")
            free.release()
            await until(lambda: shift.relays[0].flying < relaying.IN_FLIGHT)
            assert await shift.round() >= 1
            await until(lambda: "works/little:1" in site.works.calls)
            assert len(site.works.calls) <= relaying.IN_FLIGHT + 2
            for _ in range(50):
                free.release()
            await shift.settled()
