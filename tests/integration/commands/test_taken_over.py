"""A worker that stops, dies or loses its database leaves every command where another can go on with it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import cast
from uuid import UUID, uuid4

import pytest

from application.commands.executing import Executing
from application.commands.gates import OF_A_LANE
from application.commands.leases import taken_back
from application.commands.turns import TOGETHER
from application.ports.store import Store, Transaction
from domain.commands import CommandState, ParkedKind
from domain.commands.outcomes import BusinessRule, Permanent
from domain.errors import Unavailable
from tests.works import Site, for_ever

S = CommandState
A_MINUTE = timedelta(minutes=1)


class TestTakenOver:
    async def test_whose_lease_is_gone_writes_nothing(self, site: Site) -> None:
        async def lose() -> None:
            await taken_back(site.store, site.tenant, lease)

        await site.send("1", "2")
        lease = await site.lease()
        site.works.ways["2"] = [lose]
        assert await site.executing.execute(site.tenant, lease) == {}
        assert await site.effects() == []
        assert await site.states("1", "2") == [S.PENDING, S.PENDING]

    @pytest.mark.req("S004")
    async def test_lease_that_was_executed_is_nobodys(self, site: Site) -> None:
        await site.send("1")
        lease = await site.lease()
        await site.executing.execute(site.tenant, lease)
        assert await site.executing.execute(site.tenant, lease) == {}
        assert await site.executing.execute(site.tenant, uuid4()) == {}
        assert site.works.calls == ["works/1:1"]

    @pytest.mark.req("CB-D3", "S004")
    async def test_what_has_failed_or_is_parked_is_not_executed_by_whoever_is_told_again(self, site: Site) -> None:
        await site.send("1", "2")
        site.works.ways = {"1": [BusinessRule("limit-exceeded")], "2": [Permanent("no-account")]}
        lease = await site.lease()
        await site.executing.execute(site.tenant, lease)
        for _ in range(2):
            assert await site.executing.execute(site.tenant, lease) == {}
        assert await site.execute() == {}
        assert await site.states("1", "2") == [S.FAILED, S.PARKED]
        assert site.works.calls == ["works/1:1", "works/2:1"]

    @pytest.mark.req("CB-24", "CB-D1")
    async def test_what_takes_its_worker_with_it_is_parked_at_the_third_time(self, site: Site) -> None:
        await site.send("1", "2", "3")
        site.works.ways["2"] = [Died()] * 9
        for _ in range(9):
            await _by_workers_that_die(site)
        record = await site.stand("2")
        assert (record.parked, record.crashes, record.attempt) == (ParkedKind.POISON, 3, 0)
        assert site.works.calls.count("works/2:1") == 3
        assert await site.states("1", "3") == [S.COMPLETED, S.COMPLETED]
        assert await site.effects() == ["1", "3"]

    @pytest.mark.req("CB-24")
    @pytest.mark.parametrize("kind", ["works.write", "works.call"])
    async def test_what_was_not_begun_when_its_worker_died_was_never_tried(self, site: Site, kind: str) -> None:
        names = [f"{number:02}" for number in range(60)]
        calls, runs = (1, TOGETHER) if kind == "works.write" else (OF_A_LANE, OF_A_LANE)
        await site.send(*names, type=kind)
        site.works.ways = {each: [for_ever] for each in names[:OF_A_LANE]}
        lease = await site.lease()
        execution = asyncio.create_task(Executing(site.store, site.handlers).execute(site.tenant, lease))
        async with asyncio.timeout(60):
            while len(site.works.calls) < calls:  # noqa: ASYNC110 -- handlers set no event of ours
                await asyncio.sleep(0.01)
        assert await site.states(*names) == [S.RUNNING] * runs + [S.DISPATCHED] * (60 - runs)
        await taken_back(site.store, site.tenant, lease)
        execution.cancel()
        await asyncio.wait({execution})
        stands = await site.stands(*names)
        assert [(each.state, each.crashes) for each in stands] == [(S.PENDING, 1)] * runs + [(S.PENDING, 0)] * (
            60 - runs
        )

    @pytest.mark.req("CB-24")
    @pytest.mark.parametrize("kind", ["works.write", "works.call"])
    async def test_those_that_lost_their_workers_are_executed_one_by_one(self, site: Site, kind: str) -> None:
        await site.send("1", "2", "3", type=kind)
        await site.owner.execute("UPDATE command SET crashes = 1 WHERE tenant_id = $1", site.tenant)
        site.works.ways["2"] = [Died()]
        lease = await site.lease()
        with pytest.raises(Died):
            await Executing(site.store, site.handlers).execute(site.tenant, lease)
        assert await site.states("1", "2", "3") == [S.COMPLETED, S.RUNNING, S.DISPATCHED]
        assert await site.executing.execute(site.tenant, lease) == {"pending": 1, "completed": 1}
        assert [each.crashes for each in await site.stands("1", "2", "3")] == [1, 2, 1]
        assert site.works.calls == ["works/1:1", "works/2:1", "works/3:1"]

    @pytest.mark.req("CB-24")
    async def test_of_two_leases_of_one_worker_neither_runs_a_suspect_beside_the_other(self, site: Site) -> None:
        """The rest of a lease that lost its worker is executed while the new one takes out the next."""
        told = asyncio.Event()

        async def wait() -> None:
            await told.wait()

        leases = []
        for name in ("1", "2"):
            await site.send(name)
            await site.owner.execute("UPDATE command SET crashes = 1 WHERE tenant_id = $1", site.tenant)
            leases.append(await site.lease())
        await site.send("3")
        site.works.ways = {"1": [wait], "2": [wait]}
        turns = [asyncio.create_task(site.executing.execute(site.tenant, each)) for each in leases]
        assert await site.execute() == {"completed": 1}
        while S.RUNNING not in await site.states("1", "2"):  # noqa: ASYNC110 -- handlers set no event of ours
            await asyncio.sleep(0.01)
        assert sorted(await site.states("1", "2")) == [S.DISPATCHED, S.RUNNING]
        told.set()
        assert await asyncio.gather(*turns) == [{"completed": 1}] * 2

    async def test_who_lost_the_database_goes_on_without_counting_a_crash(self, site: Site) -> None:
        away = Away(site.store)
        executing = Executing(cast("Store", away), site.handlers)
        await site.send("1")
        lease = await site.lease()
        site.works.ways["1"] = [away.leave]
        with pytest.raises(Unavailable):
            await executing.execute(site.tenant, lease)
        assert await site.states("1") == [S.RUNNING]
        away.gone = False
        assert await executing.execute(site.tenant, lease) == {"completed": 1}
        record = await site.stand("1")
        assert (record.crashes, record.attempt) == (0, 1)
        assert await site.effects() == ["1"]


class TestStop:
    @pytest.mark.req("CB-31", "S007")
    async def test_what_runs_ends_and_nothing_more_begins(self, site: Site) -> None:
        going, told = asyncio.Event(), asyncio.Event()

        async def go_on() -> None:
            going.set()
            await told.wait()

        await site.send("1", "2", "3")
        site.works.ways["1"] = [go_on]
        execution = asyncio.create_task(site.execute())
        await going.wait()
        draining = asyncio.create_task(site.executing.drain(A_MINUTE))
        await asyncio.sleep(0)
        told.set()
        await draining
        assert await execution == {"completed": 1, "pending": 2}
        assert await site.effects() == ["1"]
        assert [(await site.stand(each)).attempt for each in ("1", "2", "3")] == [1, 0, 0]

    @pytest.mark.req("CB-24")
    async def test_what_another_worker_died_of_counts_though_this_one_stops(self, site: Site) -> None:
        await site.send("1")
        site.works.ways["1"] = [Died()]
        lease = await site.lease()
        with pytest.raises(Died):
            await Executing(site.store, site.handlers).execute(site.tenant, lease)
        await site.executing.drain(A_MINUTE)
        assert await site.executing.execute(site.tenant, lease) == {}
        record = await site.stand("1")
        assert (record.state, record.crashes) == (S.PENDING, 1)

    @pytest.mark.req("CB-31", "CB-D13")
    @pytest.mark.parametrize("kind", ["works.write", "works.call"])
    async def test_what_does_not_end_in_time_was_never_tried(self, site: Site, kind: str) -> None:
        going = asyncio.Event()

        async def never() -> None:
            going.set()
            await for_ever()

        await site.send("1", "2", type=kind)
        site.works.ways["1"] = [never]
        execution = asyncio.create_task(site.execute())
        await going.wait()
        await site.executing.drain(timedelta(seconds=0.05))
        await execution
        assert await site.effects() == []
        record = await site.stand("1")
        assert (record.state, record.attempt, record.crashes) == (S.PENDING, 0, 0)


class Died(BaseException):
    """The process of a worker is no more: nothing of it goes on, and nobody tidies up after it."""


class Away:
    """A database that goes away and comes back."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.gone = False

    async def leave(self) -> None:
        self.gone = True

    @asynccontextmanager
    async def transaction(self, tenant: UUID) -> AsyncIterator[Transaction]:
        if self.gone:
            raise Unavailable
        async with self._store.transaction(tenant) as tx:
            yield tx
            if self.gone:
                raise Unavailable


async def _by_workers_that_die(site: Site) -> None:
    """One lease; when its worker dies, it goes to another."""
    lease = await site.lease()
    try:
        await Executing(site.store, site.handlers).execute(site.tenant, lease)
    except Died:
        await Executing(site.store, site.handlers).execute(site.tenant, lease)
