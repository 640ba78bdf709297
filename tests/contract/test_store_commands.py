"""What both stores keep of commands, and who gets which of them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from adapters.postgres.store import PostgresStore
from application.ports.commands import EVERY, CommandFilter, Types
from domain.commands import (
    Command,
    CommandError,
    CommandRecord,
    CommandState,
    CommandType,
    Options,
    ParkedKind,
    WrongCommandState,
    fingerprint,
)
from domain.errors import Stale
from tests.contract.homes import LONG_AGO, Home, moved_in

FOR_A_WHILE = timedelta(minutes=1)
WRONG = CommandError("transient", "timeout", "it took too long", {"host": "bank"}, "sha256:aa")


def made(home: Home, id: str, type: str = "ledger.post-journal", **given: Any) -> CommandRecord:  # noqa: A002 -- names
    payload = given.pop("payload", {"amount": 1.5, "lines": [1, None, "é"]})
    at: datetime = given.pop("at", LONG_AGO)
    due = given.get("not_before") or at
    command = Command(type, id, payload, 1, Options(**{"correlation": uuid4(), **given}))
    return CommandRecord(command, home.tenant.id, fingerprint(command), home.ada.id, at, due)


async def put(home: Home, *records: CommandRecord) -> list[CommandRecord]:
    async with home.transaction() as tx:
        known: list[CommandRecord] = await tx.commands.add(records)
        return known


async def read(home: Home, id: str, domain: str = "ledger") -> CommandRecord:  # noqa: A002 -- the command's
    async with home.transaction() as tx:
        found: CommandRecord | None = await tx.commands.get((domain, id))
        assert found is not None
        return found


async def taken(home: Home, most: int = 10, domain: str = "ledger") -> tuple[UUID, list[CommandRecord]]:
    lease = uuid4()
    async with home.transaction() as tx:
        return lease, await tx.commands.lease(domain, most, tx.now + FOR_A_WHILE, lease)


async def move(home: Home, record: CommandRecord, *ways: Callable[[CommandRecord], CommandRecord]) -> CommandRecord:
    for way in ways:
        record = way(record)
    async with home.transaction() as tx:
        saved: list[CommandRecord] = await tx.commands.save([record])
        return saved[0]


def ids(records: list[CommandRecord]) -> list[str]:
    return [each.command.id for each in records]


class TestSent:
    async def test_are_kept_as_they_were_sent(self, home: Home) -> None:
        whole = made(
            home, "1", not_before=LONG_AGO + timedelta(days=1), expires_at=LONG_AGO + timedelta(days=2), priority=9,
            ordering_key="acc/1", max_attempts=7, causation="sales/9", change=uuid4(),
        )  # fmt: skip
        assert await put(home, whole, made(home, "2")) == []
        assert await read(home, "1") == whole
        async with home.transaction() as tx:
            assert await tx.commands.get(("ledger", "3")) is None
            assert await tx.commands.get(("sales", "1")) is None

    async def test_are_what_they_were_when_sent_again(self, home: Home) -> None:
        await put(home, made(home, "2", payload={"first": True}))
        known = await put(home, made(home, "1"), made(home, "2", payload={"first": True}), made(home, "3"))
        assert [(each.command.id, each.command.payload) for each in known] == [("2", {"first": True})]
        assert (await read(home, "3")).version == 1

    @pytest.mark.req("CB-05")
    async def test_are_all_sent_or_none_where_one_says_something_else(self, home: Home) -> None:
        await put(home, made(home, "2", payload={"first": True}))
        known = await put(home, made(home, "1"), made(home, "2", payload={"first": False}), made(home, "3"))
        assert [(each.command.id, each.command.payload) for each in known] == [("2", {"first": True})]
        async with home.transaction() as tx:
            assert ids(await tx.commands.page(CommandFilter(), None, 9)) == ["2"]

    async def test_of_another_domain_are_others(self, home: Home) -> None:
        assert await put(home, made(home, "1"), made(home, "1", "sales.ship-order")) == []

    async def test_nothing_is_no_statement(self, home: Home) -> None:
        assert await put(home) == []
        async with home.transaction() as tx:
            assert await tx.commands.save([]) == []


class TestLooking:
    async def test_is_by_what_is_wanted(self, home: Home) -> None:
        cause, change, day = uuid4(), uuid4(), timedelta(days=1)
        await put(
            home,
            made(home, "1", correlation=cause),
            made(home, "2", "sales.ship-order", at=LONG_AGO + day, correlation=cause, change=change),
            made(home, "3", "ledger.close-book", at=LONG_AGO + 2 * day),
        )
        await taken(home, 1)

        async def found(**wanted: Any) -> list[str]:
            async with home.transaction() as tx:
                return ids(await tx.commands.page(CommandFilter(**wanted), None, 10))

        assert await found() == ["3", "2", "1"]
        assert await found(state=CommandState.DISPATCHED) == ["1"]
        assert await found(state=CommandState.PENDING) == ["3", "2"]
        assert await found(state=CommandState.COMPLETED) == []
        assert await found(domain="ledger") == ["3", "1"]
        assert await found(domain="ledger", type="ledger.close-book") == ["3"]
        assert await found(since=LONG_AGO + day) == ["3", "2"]
        assert await found(until=LONG_AGO + day) == ["1"]
        assert await found(correlation=cause) == ["2", "1"]
        assert await found(change=change) == ["2"]
        assert await found(state=CommandState.PENDING, domain="ledger", since=LONG_AGO, until=LONG_AGO + day) == []

    async def test_goes_on_where_a_page_ended(self, home: Home) -> None:
        await put(home, made(home, "1", "sales.ship-order"), *(made(home, str(each)) for each in range(1, 5)))
        async with home.transaction() as tx:
            first = await tx.commands.page(CommandFilter(), None, 3)
            last = first[-1]
            rest = await tx.commands.page(CommandFilter(), (last.sent_at, *last.key), 3)
        assert [each.key for each in first] == [("sales", "1"), ("ledger", "4"), ("ledger", "3")]
        assert ids(rest) == ["2", "1"]


class TestTypes:
    async def test_are_those_of_all_workers(self, home: Home) -> None:
        domain = f"d{uuid4().hex[:12]}"
        first, second = CommandType(f"{domain}.do-it", 1, {"type": "object"}), CommandType(f"{domain}.do-it", 2, {})
        store: Any = home.store
        await store.put_command_types([second, replace(first, schema={})])
        await store.put_command_types([replace(first, policy={"max_attempts": 5})])
        async with home.transaction() as tx:
            assert await tx.commands.types(domain) == [replace(first, policy={"max_attempts": 5}), second]
            assert await tx.commands.types("nobody") == []
            assert {first.type} <= {each.type for each in await tx.commands.types()}


class TestLeases:
    async def test_take_the_first_once(self, home: Home) -> None:
        await put(home, *(made(home, str(each), at=LONG_AGO + timedelta(minutes=each)) for each in range(4)))
        lease, first = await taken(home, 3)
        assert ids(first) == ["0", "1", "2"]
        assert {(each.state, each.lease, each.version) for each in first} == {(CommandState.DISPATCHED, lease, 2)}
        assert ids((await taken(home))[1]) == ["3"]
        nothing, none = await taken(home)
        assert none == []
        async with home.transaction() as tx:
            assert await tx.commands.leased(lease) == first
            assert await tx.commands.hold(nothing) is None

    @pytest.mark.req("CB-32")
    async def test_urgent_ones_overtake_those_of_some_minutes(self, home: Home) -> None:
        await put(
            home,
            made(home, "old", priority=0),
            made(home, "usual", at=LONG_AGO + timedelta(minutes=4)),
            made(home, "urgent", at=LONG_AGO + timedelta(minutes=5), priority=9),
            made(home, "late and urgent", at=LONG_AGO + timedelta(minutes=10), priority=9),
        )
        assert ids((await taken(home))[1]) == ["urgent", "usual", "old", "late and urgent"]

    @pytest.mark.req("CB-36")
    async def test_leave_what_is_not_due(self, home: Home) -> None:
        async with home.transaction() as tx:
            now = tx.now
        await put(
            home, made(home, "1", not_before=now + timedelta(hours=1), priority=9), made(home, "2", "sales.do-it")
        )
        assert (await taken(home))[1] == []
        assert (home.tenant.id, "ledger") not in await lanes(home)
        assert (home.tenant.id, "sales") in await lanes(home)

    @pytest.mark.req("CB-34")
    async def test_keep_the_line_of_an_ordering_key(self, home: Home) -> None:
        line = [made(home, each, ordering_key="a", priority=place) for place, each in enumerate(("z", "y", "x"))]
        await put(home, *line, made(home, "free"), made(home, "other", ordering_key="b"))
        assert ids((await taken(home))[1]) == ["free", "other", "z"]
        assert (await taken(home))[1] == []
        await move(home, await read(home, "z"), CommandRecord.started, lambda it: it.completed(None, LONG_AGO))
        (second,) = (await taken(home))[1]
        assert second.command.id == "y"
        await move(home, second, CommandRecord.started, lambda it: it.parked_as(ParkedKind.PERMANENT, WRONG))
        assert (await taken(home))[1] == []

    async def test_take_some_types_and_leave_others(self, home: Home) -> None:
        await put(home, made(home, "1", "ledger.rebuild"), made(home, "2"), made(home, "3", "ledger.rebuild"))
        long = frozenset({"ledger.rebuild"})

        async def found(most: int, types: Types) -> list[str]:
            async with home.transaction() as tx:
                return ids(await tx.commands.lease("ledger", most, tx.now + FOR_A_WHILE, uuid4(), types))

        assert await found(9, Types(long)) == ["2"]
        assert await found(1, Types(long, only=True)) == ["1"]
        assert await found(9, Types(frozenset(), only=True)) == []
        assert await found(9, EVERY) == ["3"]

    async def test_are_held_extended_and_ended(self, home: Home) -> None:
        await put(home, made(home, "1"))
        lease, (record,) = await taken(home)
        async with home.transaction() as tx:
            assert await tx.commands.hold(lease) > tx.now
            await tx.commands.extend(lease, LONG_AGO)
        store: Any = home.store
        assert (home.tenant.id, lease) in await store.ended_leases()
        await move(home, record, CommandRecord.returned)
        async with home.transaction() as tx:
            await tx.commands.end(lease)
            assert await tx.commands.leased(lease) == []
        assert (home.tenant.id, lease) not in await store.ended_leases()

    async def test_send_word_while_somebody_listens(self, home: Home) -> None:
        store: Any = home.store
        await store.listen_for_commands(FOR_A_WHILE)
        await store.listen_for_commands(timedelta(0))
        assert await put(home, made(home, "1")) == []


class TestMoves:
    async def test_are_kept(self, home: Home) -> None:
        await put(home, *(made(home, each) for each in "abcd"))
        a, b, c, d = (await taken(home))[1]
        later = LONG_AGO + timedelta(days=3)
        wanted = [
            a.started().completed({"entry": 7}, later),
            b.started().waiting(later, WRONG),
            c.started().parked_as(ParkedKind.EXHAUSTED, WRONG),
            d.lapsed(later),
        ]
        async with home.transaction() as tx:
            saved = await tx.commands.save(wanted)
        assert saved == [replace(each, version=3) for each in wanted]
        assert [await read(home, each) for each in "abcd"] == saved

    async def test_are_from_what_was_read(self, home: Home) -> None:
        await put(home, made(home, "1"), made(home, "2"))
        one, two = (await taken(home))[1]
        await move(home, one, CommandRecord.returned)
        with pytest.raises(Stale):
            async with home.transaction() as tx:
                await tx.commands.save([two.returned(), one.started()])
        assert (await read(home, "2")).state is CommandState.DISPATCHED

    async def test_never_lead_out_of_the_end(self, store: PostgresStore) -> None:
        home = await moved_in(store)
        await put(home, made(home, "1"))
        record = await move(home, (await taken(home))[1][0], lambda it: it.lapsed(LONG_AGO))
        with pytest.raises(WrongCommandState):
            await move(home, replace(record, state=CommandState.PENDING, ended_at=None))


class TestNeighbours:
    async def test_have_commands_of_their_own(self, store: PostgresStore) -> None:
        ours, theirs = [await moved_in(store) for _ in range(2)]
        await put(ours, made(ours, "1"))
        assert await put(theirs, made(theirs, "1", payload={"mine": 1})) == []
        assert (await read(theirs, "1")).command.payload == {"mine": 1}
        lease, _ = await taken(ours)
        async with theirs.transaction() as tx:
            assert await tx.commands.hold(lease) is None
            assert await tx.commands.leased(lease) == []


async def lanes(home: Home) -> list[tuple[UUID, str]]:
    store: Any = home.store
    found: list[tuple[UUID, str]] = await store.due_commands()
    return found
