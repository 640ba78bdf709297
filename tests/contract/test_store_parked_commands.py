"""What both stores say of commands that wait for people, and of what these decided."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from application.ports.parked import ParkedFilter
from domain.commands import CommandError, CommandRecord, CommandState, CommandType, ParkedKind
from domain.commands.operations import Act, Cause, Operation, Parked
from domain.commands.policies import TypePolicy
from domain.errors import Stale
from tests.contract.homes import LONG_AGO, Home
from tests.contract.test_store_commands import ids, made, move, put, read, taken

TIMEOUT = CommandError("transient", "timeout", "it took too long", None, "f-timeout")
ACCOUNT = CommandError("permanent", "no-account", "there is no such account", {"line": 3}, "f-account")
DIGEST = "sha256:" + "0" * 64


async def park(home: Home, id: str, error: CommandError = TIMEOUT, **given: Any) -> CommandRecord:  # noqa: A002 -- its
    """Each in a transaction of its own, so that each has an instant of its own."""
    kind = given.pop("kind", ParkedKind.EXHAUSTED)
    record = made(home, id, **given)
    await put(home, record)
    _, (leased,) = await taken(home, 1, record.command.domain)
    return await move(home, leased, CommandRecord.started, lambda it: it.parked_as(kind, error))


async def found(home: Home, **wanted: Any) -> list[str]:
    async with home.transaction() as tx:
        return ids([each.record for each in await tx.commands.parked.page(ParkedFilter(**wanted), None, 10)])


async def causes(home: Home, **wanted: Any) -> list[Cause]:
    async with home.transaction() as tx:
        listed: list[Cause] = await tx.commands.parked.causes(ParkedFilter(**wanted), None, 10)
        return listed


async def note(home: Home, id: str, **facts: Any) -> None:  # noqa: A002 -- the command's
    async with home.transaction() as tx:
        parked = await tx.commands.parked.get(("ledger", id))
        until = facts.get("snoozed_until")
        facts |= {"snoozed_until": tx.now + until} if until else {}
        assert await tx.commands.parked.note(replace(parked, **facts)) == parked.record.version + 1


def decided(record: CommandRecord, act: Act = Act.RETRY, days: int = 0, **facts: Any) -> Operation:
    cause = record.error.fingerprint if record.error else None
    said: dict[str, Any] = {"at": LONG_AGO + timedelta(days=days), "cause": cause, "actor": uuid4(), **facts}
    reason, state = "the bank answers again", CommandState.PENDING
    return Operation(uuid4(), record.key, act, reason=reason, digest=DIGEST, state=state, epoch=2, version=9, **said)


class TestParked:
    @pytest.mark.req("CB-39", "S011")
    async def test_are_found_by_what_is_wanted(self, home: Home) -> None:
        await put(home, made(home, "waits", "shop.do-it"))
        await park(home, "1")
        await park(home, "2", ACCOUNT, kind=ParkedKind.PERMANENT, type="ledger.close-book")
        await park(home, "3", type="sales.ship-order")
        person = uuid4()
        await note(home, "1", assignee=person)
        await note(home, "2", snoozed_until=timedelta(days=1))
        assert await found(home) == ["3", "2", "1"]
        assert await found(home, domain="ledger") == ["2", "1"]
        assert await found(home, type="ledger.close-book") == ["2"]
        assert await found(home, kind=ParkedKind.EXHAUSTED) == ["3", "1"]
        assert await found(home, cause="f-account") == ["2"]
        assert await found(home, assignee=person) == ["1"]
        assert await found(home, snoozed=True) == ["2"]
        assert await found(home, snoozed=False, domain="ledger") == ["1"]

    @pytest.mark.req("CB-39")
    async def test_go_on_where_a_page_ended(self, home: Home) -> None:
        for each in range(5):
            await park(home, str(each))
        async with home.transaction() as tx:
            first = await tx.commands.parked.page(ParkedFilter(), None, 3)
            last = first[-1]
            rest = await tx.commands.parked.page(ParkedFilter(), (last.at, *last.record.key), 3)
        assert ids([each.record for each in [*first, *rest]]) == ["4", "3", "2", "1", "0"]

    async def test_are_parked_since_then(self, home: Home) -> None:
        record = await park(home, "1")
        async with home.transaction() as tx:
            parked = await tx.commands.parked.get(("ledger", "1"))
            assert LONG_AGO < parked.at <= tx.now
            assert parked == Parked(record, parked.at)
            assert await tx.commands.parked.get(("ledger", "2")) is None
        await note(home, "1", assignee=UUID(int=1), snoozed_until=timedelta(hours=1))
        async with home.transaction() as tx:
            again = await tx.commands.parked.get(("ledger", "1"))
        assert (again.at, again.assignee, again.snoozed_until is None) == (parked.at, UUID(int=1), False)

    @pytest.mark.parametrize(
        "way", [lambda it: it.retried(LONG_AGO), lambda it: it.canceled(LONG_AGO), lambda it: it.resolved(7, LONG_AGO)]
    )
    async def test_are_not_once_somebody_decided(
        self, home: Home, way: Callable[[CommandRecord], CommandRecord]
    ) -> None:
        record = await park(home, "1")
        await note(home, "1", assignee=UUID(int=1), snoozed_until=timedelta(hours=1))
        wanted = way(await read(home, "1"))
        assert await move(home, wanted, lambda it: it) == replace(wanted, version=record.version + 2)
        assert await found(home) == []
        async with home.transaction() as tx:
            assert await tx.commands.parked.get(("ledger", "1")) is None

    async def test_again_keep_whoever_looks_at_them(self, home: Home) -> None:
        await park(home, "1")
        await note(home, "1", assignee=UUID(int=1), snoozed_until=timedelta(hours=1))
        await move(home, await read(home, "1"), lambda it: it.retried(LONG_AGO))
        _, (leased,) = await taken(home)
        await move(home, leased, CommandRecord.started, lambda it: it.parked_as(ParkedKind.PERMANENT, ACCOUNT))
        async with home.transaction() as tx:
            again = await tx.commands.parked.get(("ledger", "1"))
        assert (again.assignee, again.snoozed_until, again.record.epoch) == (UUID(int=1), None, 2)

    async def test_are_noted_from_what_was_read(self, home: Home) -> None:
        record = await park(home, "1")
        await note(home, "1", assignee=UUID(int=1))
        with pytest.raises(Stale):
            async with home.transaction() as tx:
                await tx.commands.parked.note(Parked(record, LONG_AGO))


class TestCauses:
    @pytest.mark.req("CB-39")
    async def test_are_counted_largest_first(self, home: Home) -> None:
        for each in range(3):
            await park(home, f"t{each}")
        await park(home, "a", ACCOUNT, kind=ParkedKind.PERMANENT)
        first, second = await causes(home)
        assert (first.fingerprint, first.count, first.kind, first.code, first.message, first.type, first.last) == (
            "f-timeout", 3, ParkedKind.EXHAUSTED, "timeout", "it took too long", "ledger.post-journal", None,
        )  # fmt: skip
        assert (second.fingerprint, second.count, second.first_at == second.last_at) == ("f-account", 1, True)
        async with home.transaction() as tx:
            parked = await tx.commands.parked.page(ParkedFilter(cause="f-timeout"), None, 10)
            rest = await tx.commands.parked.causes(ParkedFilter(), (first.count, first.fingerprint), 10)
        assert (first.last_at, first.first_at) == (parked[0].at, parked[-1].at)
        assert rest == [second]

    async def test_are_of_what_is_wanted(self, home: Home) -> None:
        await park(home, "1")
        await park(home, "2", type="sales.ship-order")
        await note(home, "1", snoozed_until=timedelta(days=1))
        (only,) = await causes(home, domain="ledger")
        assert (only.count, only.type) == (1, "ledger.post-journal")
        assert [each.type for each in await causes(home, snoozed=False)] == ["sales.ship-order"]
        assert await causes(home, kind=ParkedKind.POISON) == []

    async def test_say_who_owns_them_and_how_one_was_resolved(self, home: Home) -> None:
        domain = f"d{uuid4().hex[:12]}"
        policy = TypePolicy(owner="the ledger team", runbook="https://runbooks.test/journals").to_json()
        store: Any = home.store
        await store.put_command_types(
            [CommandType(f"{domain}.do-it", 1, {}), CommandType(f"{domain}.do-it", 2, {}, policy)]
        )
        first, second = [await park(home, each, type=f"{domain}.do-it") for each in "12"]
        latest = decided(second, Act.CANCEL, 2)
        async with home.transaction() as tx:
            for each in (decided(first, Act.RETRY, 1), latest, decided(first, Act.SNOOZE, 3)):
                assert await tx.commands.parked.add_operation(each)
        (cause,) = await causes(home)
        assert (cause.owner, cause.runbook, cause.last) == (policy["owner"], policy["runbook"], latest)


class TestOperations:
    @pytest.mark.req("CB-42")
    async def test_are_kept_once(self, home: Home) -> None:
        record = await park(home, "1")
        operation = decided(record, Act.COMPLETE, evidence=DIGEST)
        async with home.transaction() as tx:
            assert await tx.commands.parked.operation(operation.id) is None
            assert await tx.commands.parked.add_operation(operation)
        async with home.transaction() as tx:
            assert not await tx.commands.parked.add_operation(replace(operation, act=Act.CANCEL))
            assert await tx.commands.parked.operation(operation.id) == operation
