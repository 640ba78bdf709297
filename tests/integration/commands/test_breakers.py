"""What does not answer is left alone, and holds up nobody else."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from adapters.memory.chunks import MemoryChunks
from adapters.memory.command_runs import MemoryCommandRuns
from adapters.postgres.store import PostgresStore
from api.breaker_meters import BreakerMeters
from application.commands.breaking import MOVES
from application.commands.handling import Handlers, Order, handles
from application.commands.lasting import Lasting
from application.commands.relaying import CommandRelay
from application.ports.records import AuditFilter
from domain.canonical import Json
from domain.commands.bounds import AT_ONCE_APART
from domain.commands.breakers import Breaker, BreakerState
from domain.commands.limits import LimitScope
from domain.commands.outcomes import BusinessRule, HandlerKind, Transient
from domain.commands.policies import TypePolicy
from tests.conftest import House, housed
from tests.integration.commands.bound import (
    CRM,
    MOMENT,
    Bound,
    S,
    at_work,
    counted,
    named,
    until,
)
from tests.works import Lanes, Note, Site


@pytest_asyncio.fixture
async def bound(site: Site) -> Site:
    return Site(site.tenant, site.store, site.owner, Bound())


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
    async def test_no_call_of_a_lease_begins_after_the_failure_that_opened_it(self, bound: Site) -> None:
        names = named("c", 40)
        bound.works.ways = {each: [Transient("down")] * 3 for each in names}
        await bound.send(*names, type="works.ask")
        await bound.execute()
        beside = AT_ONCE_APART - 1  # calls that were under way when it opened
        assert CRM.breaks_after <= len(bound.works.calls) <= CRM.breaks_after + beside

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
