"""Of the commands that are not over one has a unique key, and a sender says what becomes of theirs, by either store."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from application.commands.cases import CommandCases
from application.commands.reading import CRASHED
from application.commands.sending import Sent, send_in
from application.commands.unique import MOST_KEYS
from application.ports.commands import CommandFilter
from domain.audit import Action
from domain.commands import Command, CommandConflict, CommandRecord, CommandState, OnUnique, ReplyTo, UniqueKeyTaken
from domain.errors import Invalid
from domain.people import Principal, Role
from tests.contract.homes import Home
from tests.contract.ordering import catalogued, journal

REJECT, COALESCE, REPLACE = OnUnique.REJECT, OnUnique.COALESCE, OnUnique.REPLACE


def rebuild(id: str, how: OnUnique = REJECT, key: str = "rates", entry: int = 7) -> Command:  # noqa: A002 -- the command's
    return journal(id, entry, unique_key=key, on_unique=how)


class Bus:
    def __init__(self, home: Home) -> None:
        self.home = home
        store: Any = home.store
        self.use = CommandCases.over(store)

    async def send(self, *commands: Command) -> list[Sent]:
        return await self.use.sending.send_many(self.home.ada.actor, commands)

    async def taken(self, *commands: Command) -> dict[str, object]:
        with pytest.raises(UniqueKeyTaken) as refused:
            await self.send(*commands)
        return refused.value.facts

    async def states(self) -> dict[str, CommandState]:
        found = await self.use.looking.page(self.home.ada.actor, CommandFilter(), None, 999)
        return {each.command.id: each.state for each in found}

    async def events(self, id: str) -> list[dict[str, Any]]:  # noqa: A002 -- the command's
        rows = await self.use.looking.trail(self.home.ada.actor, ("ledger", id), None, 99)
        return [each.event for each in rows]

    @asynccontextmanager
    async def leased(self) -> AsyncIterator[list[CommandRecord]]:
        """What is due is leased, and what is left in the list is saved."""
        async with self.home.transaction() as tx:
            records = await tx.commands.lease("ledger", 9, tx.now, uuid4())
            yield records
            await tx.commands.save(records)

    async def complete(self) -> None:
        async with self.leased() as records:
            records[:] = [each.started().completed({"posted": True}, each.sent_at) for each in records]


@pytest_asyncio.fixture
async def bus(home: Home) -> Bus:
    return Bus(await catalogued(home))


@pytest.mark.req("CB-35")
async def test_a_key_that_another_has_is_refused_until_that_is_over(bus: Bus) -> None:
    await bus.send(rebuild("1"))
    assert await bus.taken(rebuild("2")) == {
        "command": "ledger/1", "at": "/commands/0", "state": "pending", "unique_key": "rates",
    }  # fmt: skip
    await bus.send(rebuild("2", key="other"), Command("sales.ship-order", "1", {}, 1, rebuild("1").options))
    await bus.complete()
    await bus.send(rebuild("3"))
    assert (await bus.states())["3"] is CommandState.PENDING


@pytest.mark.req("CB-35")
async def test_coalesced_it_is_the_one_that_is_there(bus: Bus) -> None:
    (first,) = await bus.send(rebuild("1"))
    (second,) = await bus.send(rebuild("2", COALESCE, entry=8))
    assert (second.coalesced, second.replayed, second.record) == (True, False, first.record)
    async with bus.leased() as records:
        records[:] = []
    (third,) = await bus.send(rebuild("3", COALESCE))
    assert (third.coalesced, third.record.state) == (True, CommandState.DISPATCHED)
    assert (await bus.states()).keys() == {"1"}
    assert await bus.events("2") == []


@pytest.mark.req("CB-35")
async def test_replaced_is_what_nobody_has_begun(bus: Bus) -> None:
    await bus.send(rebuild("1"))
    await bus.send(rebuild("2", REPLACE))
    assert await bus.states() == {"1": CommandState.CANCELED, "2": CommandState.PENDING}
    first = await bus.use.looking.get(bus.home.ada.actor, ("ledger", "1"))
    assert first.error is not None
    assert (first.error.code, first.error.details) == ("superseded", {"by": "ledger/2"})
    *_, told = await bus.events("1")
    assert (told["action"], told["actor"], told["after"]["code"], told["after"]["by"]) == (
        Action.COMMAND_CANCELED, str(bus.home.ada.id), "superseded", "ledger/2",
    )  # fmt: skip
    async with bus.leased() as records:
        records[:] = [each.started() for each in records]
    assert (await bus.taken(rebuild("3", REPLACE)))["command"] == "ledger/2"


@pytest.mark.req("CB-35")
@pytest.mark.parametrize("moves", ["returned", "crashed"])
async def test_what_a_worker_had_is_replaced_only_if_nothing_came_of_it(bus: Bus, moves: str) -> None:
    await bus.send(rebuild("1"))
    async with bus.leased() as records:
        records[:] = [each.returned() for each in records]
    if moves == "returned":
        await bus.send(rebuild("2", REPLACE))
        return
    async with bus.leased() as records:
        records[:] = [each.started() for each in records]
    async with bus.home.transaction() as tx:
        record = await tx.commands.get(("ledger", "1"), lock=True)
        assert record is not None
        await tx.commands.save([record.crashed(CRASHED)])
    assert (await bus.taken(rebuild("2", REPLACE)))["state"] == "pending"


@pytest.mark.req("CB-35", "CB-03")
async def test_the_same_id_is_answered_as_ever(bus: Bus) -> None:
    for how in OnUnique:
        (first,) = await bus.send(rebuild(how.value, how, key=how.value))
        (again,) = await bus.send(rebuild(how.value, how, key=how.value))
        assert again == replace(first, replayed=True)
    await bus.complete()
    (late,) = await bus.send(rebuild("reject", REJECT, key="reject"))
    assert (late.replayed, late.record.state) == (True, CommandState.COMPLETED)
    with pytest.raises(CommandConflict) as refused:
        await bus.send(rebuild("reject", COALESCE, key="reject"))
    assert refused.value.facts["differs"] == ["on_unique"]


@pytest.mark.req("CB-35")
async def test_a_refusal_spoils_nothing_and_takes_back_its_call(bus: Bus) -> None:
    await bus.send(rebuild("1"), journal("9"))
    async with bus.home.transaction() as tx:
        with pytest.raises(UniqueKeyTaken):
            await send_in(tx, [journal("2"), rebuild("3")])
        with pytest.raises(CommandConflict):
            await send_in(tx, [rebuild("4", REPLACE), journal("9", entry=8)])
        await send_in(tx, [journal("5")])
    assert (await bus.states()) == dict.fromkeys(("1", "9", "5"), CommandState.PENDING)
    assert len(await bus.events("1")) == 1


@pytest.mark.req("CB-35")
async def test_within_one_call_the_first_has_the_key(bus: Bus) -> None:
    one, two = await bus.send(rebuild("1", COALESCE), rebuild("2", COALESCE))
    assert (one.coalesced, two.coalesced, two.record.key) == (False, True, ("ledger", "1"))
    assert (await bus.taken(rebuild("3", key="k"), rebuild("4", REPLACE, key="k")))["command"] == "ledger/3"
    assert (await bus.states()).keys() == {"1"}


async def test_what_another_carries_is_shown_to_nobody_else(bus: Bus) -> None:
    await bus.send(rebuild("1"))
    eve = Principal(bus.home.tenant.id, uuid4(), "iss", "eve", "eve", roles=frozenset({Role.CONFIG_MANAGER}))
    async with bus.home.transaction() as tx:
        await tx.people.admit(eve)
    sent = await bus.use.sending.send(eve.actor, rebuild("2", COALESCE))
    assert (sent.coalesced, sent.record.command.payload) == (True, {"entry": "[hidden]"})


async def test_too_many_keys_at_once_are_refused(bus: Bus) -> None:
    with pytest.raises(Invalid) as refused:
        await bus.send(*(rebuild(str(each), key=str(each)) for each in range(MOST_KEYS + 1)))
    assert [each.path for each in refused.value.faults] == ["/commands"]


@pytest.mark.req("CB-35")
async def test_whoever_waits_for_what_was_replaced_is_told(bus: Bus) -> None:
    waited = journal("1", unique_key="rates", reply_to=ReplyTo.by_command("sales.ship-order", "answer-"))
    await bus.send(waited)
    await bus.send(rebuild("2", REPLACE))
    async with bus.home.transaction() as tx:
        reply = await tx.commands.get(("sales", "answer-ledger:1"))
    assert reply is not None
    assert (reply.command.payload["state"], reply.command.payload["error"]["code"]) == ("canceled", "superseded")
