"""Limits hold over all workers, what does not answer is left alone, and neither holds up anybody else."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.memory.chunks import MemoryChunks
from adapters.memory.command_runs import MemoryCommandRuns
from adapters.postgres.store import PostgresStore
from api.breaker_meters import BreakerMeters
from application.commands import relaying
from application.commands.breaking import MOVES
from application.commands.executing import Executing
from application.commands.handling import Handlers, Order, handles
from application.commands.lasting import Lasting
from application.commands.limiting import Limiting, Wanted
from application.commands.relaying import CommandRelay
from application.ports.records import AuditFilter
from domain.canonical import Json
from domain.commands import CommandState
from domain.commands.breakers import Breaker, BreakerState
from domain.commands.limits import LimitScope
from domain.commands.outcomes import BusinessRule, HandlerKind, Transient
from domain.commands.policies import TypePolicy
from tests.conftest import House, housed
from tests.works import Lanes, Note, Site, Works

S = CommandState
MOMENT = timedelta(minutes=1)
TEN, THREE = TypePolicy(per_second=0.001, burst=10), TypePolicy(at_once=3)
CRM = TypePolicy(depends_on="crm", backoff=(1,), max_attempts=9, timeout_seconds=5)


@dataclass
class Bound(Works):
    """Some of its types have bounds; `most` is how many of one type ever ran at once."""

    running: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)

    @handles("works.ten", Note, HandlerKind.EXTERNAL, policy=TEN)
    async def ten(self, order: Order, note: Note) -> Json:
        return await self.call(order, note)

    @handles("works.three", Note, HandlerKind.EXTERNAL, policy=THREE)
    async def three(self, order: Order, note: Note) -> Json:
        kind = order.command.type
        self.running[kind] += 1
        self.most[kind] = max(self.most[kind], self.running[kind])
        try:
            return await self.call(order, note)
        finally:
            self.running[kind] -= 1

    @handles("works.ask", Note, HandlerKind.EXTERNAL, policy=CRM)
    async def ask(self, order: Order, note: Note) -> Json:
        return await self.call(order, note)

    @handles("works.enter", Note, HandlerKind.TRANSACTIONAL, policy=CRM)
    async def enter(self, order: Order, note: Note, connection: AsyncConnection) -> Json:
        return await self.write(order, note, connection)

    @handles(
        "works.long", Note, HandlerKind.EXTERNAL,
        policy=TypePolicy(lane="workflow", at_once=2, depends_on="mill", breaks_after=2, backoff=(1,), max_attempts=9),
    )  # fmt: skip
    async def long(self, order: Order, note: Note) -> Json:
        return await self.call(order, note)


class Unlucky(Lanes):
    """The last of the tenants is found last."""

    async def due_commands(self) -> list[tuple[UUID, str]]:
        return sorted(await super().due_commands(), key=lambda lane: self.tenants.index(lane[0]))


class Shift:
    """Workers of one tenant or of several, each with a relay and an executor of its own."""

    def __init__(self, site: Site, *others: Site, workers: int = 3, most: int = 100) -> None:
        lanes = Lanes(site.store, (site.tenant, *(each.tenant for each in others)))
        self.chunks = [MemoryChunks(Executing(site.store, site.handlers).execute) for _ in range(workers)]
        self.relays = [CommandRelay(site.store, lanes, each, site.handlers, most=most) for each in self.chunks]

    async def round(self) -> int:
        return sum(await asyncio.gather(*(each.round() for each in self.relays)))

    async def settled(self) -> None:
        await asyncio.gather(*(each.settled() for each in self.relays))

    async def work(self) -> int:
        led = await self.round()
        await self.settled()
        while found := await self.round():
            led += found
            await self.settled()
        return led


@asynccontextmanager
async def at_work(site: Site, *others: Site, **given: Any) -> AsyncIterator[Shift]:
    shift = Shift(site, *others, **given)
    yield shift
    for each in shift.chunks:
        await each.stop()


@pytest_asyncio.fixture
async def bound(site: Site) -> Site:
    return Site(site.tenant, site.store, site.owner, Bound())


def named(prefix: str, most: int) -> list[str]:
    return [f"{prefix}{each:04}" for each in range(most)]


async def until(seen: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not seen():  # noqa: ASYNC110 -- other tasks set no event of ours
            await asyncio.sleep(0.01)


async def counted(site: Site, names: list[str]) -> Counter[CommandState]:
    return Counter(await site.states(*names))


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


class TestBreaker:
    def moves(self) -> dict[tuple[str, str], float]:
        """As Prometheus is told."""
        (family,) = BreakerMeters(MOVES).collect()
        told = {(each.labels["dependency"], each.labels["state"]): each.value for each in family.samples}
        return {labels: count for labels, count in told.items() if labels[0] == "crm"}

    async def breaker(self, site: Site) -> Breaker:
        async with site.store.transaction(site.tenant) as tx:
            (found,) = await tx.commands.breakers.some(["crm"])
            return found

    async def rested(self, site: Site) -> None:
        await site.owner.execute("UPDATE command_breaker SET held_until = now() WHERE tenant_id = $1", site.tenant)
        await site.let_pass(MOMENT)

    async def told(self, site: Site) -> list[str]:
        async with site.store.transaction(site.tenant) as tx:
            rows = await tx.audit.page(AuditFilter(resource_type="command-breaker", resource="crm"), None, 100)
        return [row.event["action"].rpartition(":")[2] for row in reversed(rows)]

    @pytest.mark.req("CB-38")
    @pytest.mark.parametrize("kind", ["works.ask", "works.enter"])
    async def test_opens_probes_and_closes_and_parks_nothing(self, bound: Site, kind: str) -> None:
        names = named("c", 40)
        bound.works.ways = {each: [Transient("down")] * 3 for each in names}
        await bound.send(*names, type=kind)
        before = self.moves()
        async with at_work(bound, workers=2) as shift:
            await shift.work()
            failed = await self.down(bound, names)
            assert await shift.work() == 0
            opened = await self.breaker(bound)
            assert (opened.state, opened.rests) == (BreakerState.OPEN, 0)

            await self.rested(bound)
            calls = len(bound.works.calls)
            assert await shift.work() == 1
            again = await self.breaker(bound)
            assert (again.state, again.rests, len(bound.works.calls)) == (BreakerState.OPEN, 1, calls + 1)
            assert again.until is not None
            assert again.since is not None
            assert again.until - again.since == timedelta(seconds=60)
            assert (await counted(bound, names))[S.RETRY_WAIT] <= failed + 1

            bound.works.ways = {}
            await self.rested(bound)
            while await shift.work():
                await bound.let_pass(MOMENT)
        assert await counted(bound, names) == {S.COMPLETED: 40}
        assert (await self.breaker(bound)).state is BreakerState.CLOSED
        assert await self.told(bound) == ["opened", "probed", "opened", "probed", "closed"]
        after = {labels: count - before.get(labels, 0) for labels, count in self.moves().items()}
        assert after == {("crm", "open"): 2, ("crm", "half-open"): 2, ("crm", "closed"): 1}

    async def down(self, site: Site, names: list[str]) -> int:
        """Few have failed, the others count as never tried, and none waits for a person."""
        stands = await site.stands(*names)
        states = Counter(each.state for each in stands)
        assert set(states) == {S.RETRY_WAIT, S.PENDING}
        assert CRM.breaks_after <= states[S.RETRY_WAIT] <= CRM.breaks_after + 8
        assert {each.attempt for each in stands if each.state is S.PENDING} == {0}
        return states[S.RETRY_WAIT]

    @pytest.mark.req("CB-38")
    async def test_does_not_open_while_some_answer(self, bound: Site) -> None:
        """A no is an answer, too."""
        names = named("c", 30)
        says = [Transient("busy"), Transient("busy"), Transient("busy"), BusinessRule("no")]
        bound.works.ways = {each: [says[place % 4]] for place, each in enumerate(names)}
        await bound.send(*names, type="works.enter")
        async with at_work(bound, workers=1) as shift:
            await shift.work()
        assert await counted(bound, names) == {S.RETRY_WAIT: 23, S.FAILED: 7}
        assert (await self.breaker(bound)).state is BreakerState.CLOSED
        assert await self.told(bound) == []

    @pytest.mark.req("CB-38")
    async def test_of_a_person_holds_a_tenants_commands_until_they_close_it(
        self, bound: Site, store: PostgresStore, house: House
    ) -> None:
        async def set_to(way: Callable[[Breaker, Any], Breaker]) -> None:
            async with store.transaction(bound.tenant) as tx:
                there = await tx.commands.breakers.lock("crm", LimitScope.TENANT)
                await tx.commands.breakers.save(way(there, tx.now))

        other = Site((await housed(store)).id, store, bound.owner, Bound())
        for each in (bound, other):
            await each.send("held", type="works.ask")
            await each.send("free", type="works.write")
        await set_to(lambda it, now: it.opened(house.ada.id, "maintenance tonight", now))
        async with at_work(bound, other, workers=1) as shift:
            assert await shift.work() == 3
            assert await bound.states("held", "free") == [S.PENDING, S.COMPLETED]
            assert await other.states("held", "free") == [S.COMPLETED, S.COMPLETED]
            await set_to(lambda it, now: it.closed(now))
            assert await shift.work() == 1
        assert await bound.states("held") == [S.COMPLETED]

    @pytest.mark.req("CB-38")
    async def test_over_all_tenants_one_learns_from_another(self, site: Site, store: PostgresStore) -> None:
        kind, shared = f"works.all-{uuid4().hex}", f"d{uuid4().hex}"
        works = Bound()

        @handles(kind, Note, HandlerKind.EXTERNAL, policy=TypePolicy(
            depends_on=shared, breaks_after=2, limit_scope="everywhere"))  # fmt: skip
        async def share(order: Order, note: Note) -> Json:
            return await works.call(order, note)

        ours, theirs = (Site(each, store, site.owner) for each in (site.tenant, (await housed(store)).id))
        ours.handlers = theirs.handlers = Handlers(share)
        works.ways = {"a": [Transient("down")], "b": [Transient("down")]}
        await ours.send("a", "b", type=kind)
        async with at_work(ours, workers=1) as shift:
            await shift.work()
        await theirs.send("c", type=kind)
        async with at_work(theirs, workers=1) as shift:
            assert await shift.work() == 0
            await site.owner.execute(
                "UPDATE command_shared_breaker SET held_until = now() WHERE dependency = $1", shared
            )
            assert await shift.work() == 1
        assert await theirs.states("c") == [S.COMPLETED]


class TestLong:
    @pytest.mark.req("CB-37", "CB-38")
    async def test_commands_have_limits_and_breakers_as_well(self, bound: Site) -> None:
        names, free = named("l", 6), asyncio.Semaphore(0)

        async def wait() -> None:
            await free.acquire()
            raise Transient("down")

        bound.works.ways = {each: [wait] for each in names}
        await bound.send(*names, type="works.long")
        lasting = Lasting(bound.store, bound.handlers)

        async def execute(tenant: UUID, lease: UUID) -> None:
            await lasting.execute(tenant, lease, lambda _: None)

        chunks, lanes = MemoryChunks(), Lanes(bound.store, (bound.tenant,))
        relay = CommandRelay(bound.store, lanes, chunks, bound.handlers).leading(MemoryCommandRuns(execute))
        assert await relay.round() == 2
        await until(lambda: len(bound.works.calls) == 2)
        assert await relay.round() == 0
        free.release()
        free.release()
        await relay.settled()
        await bound.let_pass(MOMENT)
        assert await relay.round() == 0
        async with bound.store.transaction(bound.tenant) as tx:
            (found,) = await tx.commands.breakers.some(["mill"])
        assert (found.state, found.failures) == (BreakerState.OPEN, 2)
        assert await counted(bound, names) == {S.RETRY_WAIT: 2, S.PENDING: 4}


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
                await asyncio.gather(*(each._passed() for each in shift.relays))
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
            await each.send(*names, type="works.call")
        async with at_work(*sites, workers=1, most=1) as shift:
            shift.relays[0]._lanes = Unlucky(site.store, tuple(tenants))
            assert await shift.round() == relaying.IN_FLIGHT
            await until(lambda: len(site.works.calls) == relaying.IN_FLIGHT)
            await sites[2].send("little", type="works.call")
            free.release()
            await until(lambda: sum(not each.done() for each in shift.relays[0]._flights()) < relaying.IN_FLIGHT)
            assert await shift.round() >= 1
            await until(lambda: "works/little:1" in site.works.calls)
            assert len(site.works.calls) <= relaying.IN_FLIGHT + 2
            for _ in range(50):
                free.release()
            await shift.settled()
