"""What is due is leased and carried out once, whoever dies on the way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import cast
from uuid import UUID

import pytest
import pytest_asyncio

from adapters.memory.chunks import MemoryChunks
from adapters.postgres.store import PostgresStore
from application.commands.leases import taken_back
from application.commands.relaying import EACH, CommandRelay
from application.commands.sweeping import CommandSweeper
from application.ports.store import Store, Transaction
from domain.commands import CommandState
from domain.commands.outcomes import Permanent
from domain.errors import Unavailable
from tests.conftest import housed
from tests.integration.commands.bound import until
from tests.works import Lanes, Site

S = CommandState
SOON = timedelta(minutes=2)


class Died(BaseException):
    """The process of a relay is no more."""


class Chunks(MemoryChunks):
    """`fails` is what comes in between as one is to be started."""

    fails: BaseException | None = None

    async def start(self, tenant: UUID, domain: str, lease: UUID) -> None:
        if self.fails is not None:
            raise self.fails
        await super().start(tenant, domain, lease)


@pytest_asyncio.fixture
async def chunks(site: Site) -> AsyncIterator[Chunks]:
    made = Chunks(site.executing.execute)
    yield made
    await made.stop()


@pytest.fixture
def relay(site: Site, chunks: Chunks) -> CommandRelay:
    return CommandRelay(site.store, Lanes(site.store, (site.tenant,)), chunks, site.handlers, most=10)


@pytest_asyncio.fixture
async def sweeper(site: Site, chunks: Chunks) -> CommandSweeper:
    """A look sees a hundred leases that ended: what other tests left is out of the way."""
    while left := await site.store.ended_leases():
        for tenant, lease in left:
            await taken_back(site.store, tenant, lease)
    return CommandSweeper(site.store, Lanes(site.store, (site.tenant,)), chunks)


async def carried_out(relay: CommandRelay) -> int:
    """Once everything that it led has ended; how many commands it led."""
    led = 0
    await relay.settled()
    while found := await relay.round():
        led += found
        await relay.settled()
    return led


class TestRound:
    @pytest.mark.req("CB-01", "S004")
    async def test_everything_that_is_due_is_carried_out_in_parts(
        self, site: Site, relay: CommandRelay, chunks: Chunks
    ) -> None:
        names = [f"{number:02}" for number in range(25)]
        await site.send(*names)
        assert await carried_out(relay) == 25
        assert await site.effects() == names
        assert len(chunks.started) == 3
        assert await site.trail("00") == ["dispatched", "started", "completed"]

    async def test_what_nobody_here_handles_is_left_to_others(
        self, site: Site, relay: CommandRelay, chunks: Chunks
    ) -> None:
        await site.send("1", type="elsewhere.write")
        assert await carried_out(relay) == 0

    async def test_it_says_what_its_handlers_take(self, site: Site, relay: CommandRelay) -> None:
        await relay.round()
        async with site.store.transaction(site.tenant) as tx:
            types = await tx.commands.types("works")
        assert "works.write" in [each.type for each in types]
        assert types[0].schema["properties"]["words"]["type"] == "string"

    async def test_one_tenant_that_has_much_does_not_keep_another_waiting(
        self, site: Site, chunks: Chunks, store: PostgresStore
    ) -> None:
        other = await housed(store)
        small = Site(other.id, site.store, site.owner, site.works)
        await site.send(*(str(number) for number in range(100)))
        await small.send("little")
        lanes = Lanes(site.store, (site.tenant, small.tenant))
        await carried_out(CommandRelay(site.store, lanes, chunks, site.handlers, most=10))
        first_two = {tenant for tenant, _, _ in chunks.started[:2]}
        assert first_two == {site.tenant, small.tenant}

    async def test_one_tenant_whose_commands_take_long_does_not_keep_another_waiting(
        self, site: Site, chunks: Chunks, store: PostgresStore
    ) -> None:
        told = asyncio.Event()

        async def wait() -> None:
            await told.wait()

        other = await housed(store)
        small = Site(other.id, site.store, site.owner, site.works)
        slow = [str(number) for number in range(30)]
        await site.send(*slow)
        site.works.ways = {each: [wait] for each in slow}
        relay = CommandRelay(site.store, Lanes(site.store, (site.tenant, small.tenant)), chunks, site.handlers, most=5)
        await relay.round()
        assert (await site.states(*slow)).count(S.PENDING) == 30 - 5 * EACH
        await small.send("little")
        await relay.round()
        await until(lambda: "works/little:1" in site.works.calls)
        told.set()
        await carried_out(relay)
        assert len(await site.effects()) == 30

    @pytest.mark.req("CB-30")
    async def test_what_commits_late_is_not_missed(self, site: Site, relay: CommandRelay, chunks: Chunks) -> None:
        begun, commit = asyncio.Event(), asyncio.Event()

        async def long() -> None:
            async with site.store.transaction(site.tenant) as tx:
                await tx.commands.add([site.sent("early", tx.now)])
                begun.set()
                await commit.wait()

        sending = asyncio.create_task(long())
        await begun.wait()
        later = [f"{number:04}" for number in range(1000)]
        await site.send(*later)
        assert await carried_out(relay) == 1000
        commit.set()
        await sending
        assert await carried_out(relay) == 1
        assert await site.effects() == [*later, "early"]


class TestDeath:
    @pytest.mark.req("CB-22")
    async def test_between_lease_and_start_costs_a_lease_and_no_attempt(
        self, site: Site, relay: CommandRelay, chunks: Chunks, sweeper: CommandSweeper
    ) -> None:
        await site.send("1", "2")
        chunks.fails = Died()
        with pytest.raises(Died):
            await relay.round()
        chunks.fails = None
        assert await site.states("1", "2") == [S.DISPATCHED, S.DISPATCHED]
        assert await sweeper.sweep() == 0  # its lease has not ended
        assert await carried_out(relay) == 0
        await site.let_pass(SOON)
        assert await sweeper.sweep() == 2
        assert await carried_out(relay) == 2
        assert await site.effects() == ["1", "2"]
        record = await site.stand("1")
        assert (record.attempt, record.crashes) == (1, 0)
        assert await site.trail("1") == ["dispatched", "returned", "dispatched", "started", "completed"]

    @pytest.mark.req("CB-D4")
    async def test_what_is_being_carried_out_stays_where_it_is(
        self, site: Site, sweeper: CommandSweeper, chunks: Chunks
    ) -> None:
        waits, going = asyncio.Event(), asyncio.Event()

        async def work() -> None:
            going.set()
            await waits.wait()

        await site.send("1")
        site.works.ways["1"] = [work]
        lease = await site.lease()
        await chunks.start(site.tenant, "works", lease)
        await going.wait()
        await site.let_pass(SOON)
        assert await sweeper.sweep() == 0
        assert await site.ended() == []
        waits.set()
        await chunks.over(lease)
        assert await site.effects() == ["1"]

    @pytest.mark.req("CB-24")
    async def test_of_whoever_ran_it_is_a_crash(self, site: Site, chunks: Chunks, sweeper: CommandSweeper) -> None:
        async def die() -> None:
            raise Died

        await site.send("1")
        site.works.ways["1"] = [die]
        with pytest.raises(Died):
            await site.execute()
        await site.let_pass(SOON)
        assert await sweeper.sweep() == 1
        record = await site.stand("1")
        assert (record.state, record.crashes, record.attempt) == (S.PENDING, 1, 0)


class TestOutage:
    @pytest.mark.req("CB-27")
    async def test_of_temporal_leases_nothing_and_loses_nothing(
        self, site: Site, relay: CommandRelay, chunks: Chunks
    ) -> None:
        chunks.down = True
        await site.send("1")
        with pytest.raises(Unavailable):
            await relay.round()
        assert await site.states("1") == [S.PENDING]
        chunks.down = False
        assert await carried_out(relay) == 1

    @pytest.mark.req("CB-27")
    async def test_between_lease_and_start_gives_back_at_once(
        self, site: Site, relay: CommandRelay, chunks: Chunks
    ) -> None:
        await site.send("1")
        chunks.fails = Unavailable()
        with pytest.raises(Unavailable):
            await relay.round()
        record = await site.stand("1")
        assert (record.state, record.attempt, record.crashes) == (S.PENDING, 0, 0)

    @pytest.mark.req("CB-25")
    async def test_between_the_commit_of_a_lease_and_its_answer_gives_back_at_the_next_look(
        self, site: Site, chunks: Chunks
    ) -> None:
        """It is what a database that is killed leaves behind; nobody waits for the end of a lease."""
        silent = Silent(site.store)
        lanes = Lanes(site.store, (site.tenant,))
        relay = CommandRelay(cast("Store", silent), lanes, chunks, site.handlers, most=10)
        await site.send("1")
        for held in (S.DISPATCHED, S.PENDING):
            with pytest.raises(Unavailable):
                await relay.round()
            assert await site.states("1") == [held]
        silent.answers = True
        assert await carried_out(relay) == 1
        assert await site.trail("1") == ["dispatched", "returned", "dispatched", "started", "completed"]
        assert (await site.stand("1")).attempt == 1


class Silent:
    """A database that goes away each time it has committed, before it says so."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.answers = False

    @asynccontextmanager
    async def transaction(self, tenant: UUID) -> AsyncIterator[Transaction]:
        async with self._store.transaction(tenant) as tx:
            yield tx
        if not self.answers:
            raise Unavailable


class TestOrder:
    @pytest.mark.req("CB-34")
    async def test_one_after_the_other_and_none_past_one_that_is_parked(
        self, site: Site, relay: CommandRelay, chunks: Chunks
    ) -> None:
        await site.send("a1", "a2", "a3", ordering_key="account/a")
        await site.send("b1", ordering_key="account/b")
        site.works.ways["a2"] = [Permanent("no")]
        for _ in range(4):
            await carried_out(relay)
        assert [call for call in site.works.calls if "/a" in call] == ["works/a1:1", "works/a2:1"]
        assert await site.states("a1", "a2", "a3", "b1") == [S.COMPLETED, S.PARKED, S.PENDING, S.COMPLETED]

    @pytest.mark.req("CB-32")
    async def test_what_is_urgent_goes_first(self, site: Site, relay: CommandRelay, chunks: Chunks) -> None:
        await site.send(*(f"u{number:02}" for number in range(20)))
        await site.send("now", priority=9)
        await carried_out(relay)
        assert site.works.calls.index("works/now:1") < 10
