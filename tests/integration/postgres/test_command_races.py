"""Senders and relays at the same time: a command is sent once, leased once, and none is passed over."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from adapters.postgres.store import PostgresStore
from application.commands.breaking import heard
from application.commands.cases import CommandCases
from application.commands.sending import Sent, send_in
from application.ports.commands import CommandFilter
from application.ports.records import AuditFilter
from domain.audit import Action
from domain.commands import Command, CommandConflict, CommandError, CommandRecord
from domain.commands.breakers import BreakerState
from domain.commands.limits import Limit, LimitScope
from domain.commands.operations import Act, Operation
from domain.commands.policies import TypePolicy
from tests.contract.homes import Home, moved_in
from tests.contract.ordering import catalogued, journal

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
CHANNEL = "changegate_commands"


@pytest_asyncio.fixture
async def home(store: PostgresStore) -> Home:
    return await catalogued(await moved_in(store))


async def send(home: Home, *commands: Command) -> list[Sent]:
    return await CommandCases.over(home.store).sending.send_many(home.ada.actor, commands)


async def taken(home: Home, most: int = 100) -> list[str]:
    async with home.transaction() as tx:
        records = await tx.commands.lease("ledger", most, tx.now + timedelta(minutes=1), uuid4())
        return [each.command.id for each in records]


async def count(home: Home) -> tuple[int, int]:
    """Of commands, and of events that say that one was sent."""
    async with home.transaction() as tx:
        events = await tx.audit.page(AuditFilter(action=Action.COMMAND_SENT), None, 5000)
        return len(await tx.commands.page(CommandFilter(), None, 5000)), len(events)


class Held:
    """A transaction that has sent and goes on until it is told how to end."""

    def __init__(self, home: Home, commands: Sequence[Command], ends: BaseException | None = None) -> None:
        self.sent, self.free = asyncio.Event(), asyncio.Event()
        self.task = asyncio.create_task(self._run(home, commands, ends))

    async def _run(self, home: Home, commands: Sequence[Command], ends: BaseException | None) -> None:
        async with home.transaction() as tx:
            await send_in(tx, commands)
            self.sent.set()
            await self.free.wait()
            if ends is not None:
                raise ends


async def waits(owner: asyncpg.Connection, most: int = 1) -> None:
    """Until somebody waits for a transaction to end."""
    asked = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'transactionid' AND query LIKE 'INSERT INTO command%'"
    )
    while await owner.fetchval(asked) < most:  # noqa: ASYNC110 -- the database has no event for it
        await asyncio.sleep(0.01)


class TestSenders:
    @pytest.mark.req("CB-06", "CB-D5")
    async def test_of_one_id_are_one_first_and_told_so(self, home: Home) -> None:
        answers = await asyncio.gather(*(send(home, journal()) for _ in range(50)))
        assert sorted(answer.replayed for (answer,) in answers) == [False] + [True] * 49
        assert await count(home) == (1, 1)

    @pytest.mark.req("CB-05", "CB-06", "CB-D5")
    async def test_of_one_id_and_different_words_are_one_and_conflicts(self, home: Home) -> None:
        asked = (send(home, journal(entry=each)) for each in range(1, 11))
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert sum(isinstance(each, list) for each in answers) == 1
        assert sum(isinstance(each, CommandConflict) for each in answers) == 9
        assert await count(home) == (1, 1)

    async def test_of_the_same_many_in_another_order_do_not_wait_for_each_other(self, home: Home) -> None:
        many = [journal(str(each)) for each in range(40)]
        answers = await asyncio.gather(*(send(home, *(many if each % 2 else many[::-1])) for each in range(8)))
        assert sum(not sent.replayed for answer in answers for sent in answer) == 40
        assert await count(home) == (40, 40)

    @pytest.mark.req("CB-02")
    async def test_after_one_that_gave_up_are_the_first(self, home: Home, superuser: asyncpg.Connection) -> None:
        gone = Held(home, [journal()], ZeroDivisionError())
        await gone.sent.wait()
        second = asyncio.create_task(send(home, journal()))
        await waits(superuser)
        gone.free.set()
        with pytest.raises(ZeroDivisionError):
            await gone.task
        assert [each.replayed for each in await second] == [False]
        assert await count(home) == (1, 1)


class TestRelays:
    async def test_never_take_the_same(self, home: Home) -> None:
        await send(home, *(journal(str(each)) for each in range(200)))
        found = await asyncio.gather(*(taken(home, 15) for _ in range(20)))
        assert sorted(int(each) for part in found for each in part) == list(range(200))

    @pytest.mark.req("CB-30")
    async def test_pass_nothing_over_that_was_committed_late(self, home: Home) -> None:
        late = Held(home, [journal("late")])
        await late.sent.wait()
        await send(home, *(journal(str(each)) for each in range(1000)))
        assert len(await taken(home, 2000)) == 1000
        assert (home.tenant.id, "ledger") not in await lanes(home)
        late.free.set()
        await late.task
        assert (home.tenant.id, "ledger") in await lanes(home)
        assert await taken(home) == ["late"]

    @pytest.mark.req("CB-34")
    async def test_keep_the_line_of_an_ordering_key(self, home: Home) -> None:
        await send(home, *(journal(str(each), ordering_key="a") for each in range(5)))
        done: list[str] = []
        while len(done) < 5:
            found = await asyncio.gather(*(taken(home) for _ in range(4)))
            (only,) = [each for part in found for each in part]
            done.append(only)
            await complete(home, only)
        assert done == ["0", "1", "2", "3", "4"]

    @pytest.mark.req("CB-37", "CB-38")
    async def test_pass_over_what_another_counts_at_this_moment(self, home: Home) -> None:
        """A bucket or a breaker that is locked is not waited for."""
        limit = Limit(f"ledger.t{uuid4().hex}", per_second=1, burst=5)
        async with home.transaction() as tx:
            await tx.commands.limits.take([limit])
            await tx.commands.breakers.lock("crm", LimitScope.TENANT)
        async with home.transaction() as first:
            assert (await first.commands.limits.take([limit]))[limit.type].tokens == 5
            await first.commands.breakers.lock("crm", LimitScope.TENANT)
            async with home.transaction() as second:
                assert await second.commands.limits.take([limit]) == {}
                assert await second.commands.breakers.lock_free("crm", LimitScope.TENANT) is None

    @pytest.mark.req("CB-38")
    async def test_count_each_failure_once(self, home: Home) -> None:
        """Twenty fail at the same moment, and twenty are counted."""
        policy = TypePolicy(depends_on="crm", breaks_after=21)
        wrong = CommandError("transient", "down", "it is down")

        async def fail(number: int) -> None:
            record = CommandRecord(journal(str(number)), home.tenant.id, "", None, NOON, NOON)
            failed = record.leased(uuid4()).started().waiting(NOON, wrong)
            async with home.transaction() as tx:
                await heard(tx, [(policy, failed)])

        await asyncio.gather(*(fail(each) for each in range(20)))
        async with home.transaction() as tx:
            (found,) = await tx.commands.breakers.some(["crm"])
        assert (found.state, found.failures) == (BreakerState.CLOSED, 20)


class TestWord:
    @pytest.mark.req("CB-D12")
    async def test_goes_out_only_while_somebody_listens(
        self, home: Home, line: asyncpg.Connection, superuser: asyncpg.Connection
    ) -> None:
        store: Any = home.store
        heard: asyncio.Queue[str] = asyncio.Queue()
        await line.add_listener(CHANNEL, lambda *told: heard.put_nowait(told[3]))
        await superuser.execute("TRUNCATE command_line")
        await send(home, journal("1"))
        await store.listen_for_commands(timedelta(minutes=5))
        await send(home, journal("2"), journal("3"))
        assert await heard.get() == ""
        await decided(home)
        assert await heard.get() == ""
        await superuser.execute("TRUNCATE command_line")
        await superuser.execute(f"NOTIFY {CHANNEL}, 'end'")
        assert await heard.get() == "end"


async def complete(home: Home, id: str) -> None:  # noqa: A002 -- the command's
    async with home.transaction() as tx:
        record = await tx.commands.get(("ledger", id), lock=True)
        await tx.commands.save([record.started().completed(None, tx.now)])


async def decided(home: Home) -> None:
    """What a person decides is due at once, as what is sent is."""
    async with home.transaction() as tx:
        record = await tx.commands.get(("ledger", "1"))
        operation = Operation(
            uuid4(), record.key, Act.RETRY, home.ada.id, "the bank answers again", "sha256:" + "0" * 64, record.state,
            record.epoch, record.version, tx.now,
        )  # fmt: skip
        assert await tx.commands.parked.add_operation(operation)


async def lanes(home: Home) -> list[tuple[UUID, str]]:
    store: Any = home.store
    found: list[tuple[UUID, str]] = await store.due_commands()
    return found
