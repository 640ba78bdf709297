"""Fifty senders want one unique key at the same moment: one has it, and no transaction is lost over it."""

import asyncio
from collections import Counter
from uuid import uuid4

import pytest
import pytest_asyncio

from adapters.postgres.store import PostgresStore
from application.commands.cases import CommandCases
from application.commands.sending import Sent, send_in
from application.ports.commands import CommandFilter
from domain.commands import Command, CommandState, OnUnique, UniqueKeyTaken
from tests.contract.homes import Home, moved_in
from tests.contract.ordering import catalogued, journal

SENDERS = 50


@pytest_asyncio.fixture
async def home(store: PostgresStore) -> Home:
    return await catalogued(await moved_in(store))


def keyed(id: str, how: OnUnique, key: str = "rates") -> Command:  # noqa: A002 -- the command's
    return journal(id, unique_key=key, on_unique=how)


async def send(home: Home, *commands: Command) -> list[Sent] | UniqueKeyTaken:
    """In a transaction that goes on after a refusal."""
    async with home.transaction() as tx:
        try:
            return await send_in(tx, commands, home.ada.actor)
        except UniqueKeyTaken as refusal:
            await send_in(tx, [journal(f"after-{commands[0].id}")], home.ada.actor)
            return refusal


async def states(home: Home) -> Counter[CommandState]:
    """Of those that have a key."""
    found = await CommandCases.over(home.store).looking.page(home.ada.actor, CommandFilter(), None, 999)
    return Counter(each.state for each in found if each.command.unique)


@pytest.mark.req("CB-35")
async def test_refused_are_all_but_one(home: Home) -> None:
    answers = await asyncio.gather(*(send(home, keyed(str(n), OnUnique.REJECT)) for n in range(SENDERS)))
    assert sum(isinstance(each, UniqueKeyTaken) for each in answers) == SENDERS - 1
    assert await states(home) == {CommandState.PENDING: 1}


@pytest.mark.req("CB-35")
async def test_coalesced_are_all_but_one(home: Home) -> None:
    answers = await asyncio.gather(*(send(home, keyed(str(n), OnUnique.COALESCE)) for n in range(SENDERS)))
    sent = [each[0] for each in answers if isinstance(each, list)]
    assert [len(sent), sum(each.coalesced for each in sent)] == [SENDERS, SENDERS - 1]
    assert len({each.record.key for each in sent}) == 1
    assert await states(home) == {CommandState.PENDING: 1}


@pytest.mark.req("CB-35")
async def test_replaced_are_all_but_the_last(home: Home) -> None:
    answers = await asyncio.gather(*(send(home, keyed(str(n), OnUnique.REPLACE)) for n in range(SENDERS)))
    assert all(isinstance(each, list) for each in answers)
    assert await states(home) == {CommandState.PENDING: 1, CommandState.CANCELED: SENDERS - 1}


@pytest.mark.req("CB-35")
async def test_many_keys_in_any_order_do_not_wait_for_each_other_for_ever(home: Home) -> None:
    def some(sender: int) -> list[Command]:
        keys = range(8) if sender % 2 else reversed(range(8))
        return [keyed(f"{sender}-{key}", OnUnique.REPLACE, str(key)) for key in keys]

    answers = await asyncio.gather(*(send(home, *some(sender)) for sender in range(12)))
    assert all(isinstance(each, list) for each in answers)
    assert (await states(home))[CommandState.PENDING] == 8


@pytest.mark.req("CB-35")
async def test_who_shares_one_that_is_there_waits_for_nobody(home: Home) -> None:
    await send(home, keyed("1", OnUnique.REJECT))
    async with home.transaction() as tx, home.transaction() as other:
        for each, id_ in ((tx, "2"), (other, "3")):
            (sent,) = await send_in(each, [keyed(id_, OnUnique.COALESCE)])
            assert sent.coalesced


@pytest.mark.req("CB-35")
async def test_begun_meanwhile_it_is_replaced_or_executed_and_never_both(home: Home) -> None:
    for turn in range(10):
        key = f"k{turn}"
        await send(home, keyed(f"{turn}-old", OnUnique.REJECT, key))

        async def execute() -> list[str]:
            async with home.transaction() as tx:
                held = await tx.commands.lease("ledger", 99, tx.now, uuid4())
                await tx.commands.save([each.started().completed(None, tx.now) for each in held])
                return [each.command.id for each in held]

        executed, answer = await asyncio.gather(execute(), send(home, keyed(f"{turn}-new", OnUnique.REPLACE, key)))
        found = await CommandCases.over(home.store).looking.get(home.ada.actor, ("ledger", f"{turn}-old"))
        assert (found.state is CommandState.COMPLETED) == (f"{turn}-old" in executed)
        assert isinstance(answer, list)
        await execute()
