"""What a sender is told, by either store."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from application.commands.cases import CommandCases
from application.commands.sending import MOST, Sent, send_in
from application.ports.commands import CommandFilter
from domain.audit import Action
from domain.commands import (
    Command,
    CommandConflict,
    CommandRecord,
    CommandState,
    CommandTypeMissing,
    Options,
    caused,
)
from domain.errors import Invalid, Missing
from domain.people import Actor, PermissionMissing
from tests.contract.homes import Home
from tests.contract.ordering import POST, catalogued, journal

Faults = list[tuple[str, str]]


class Bus:
    def __init__(self, home: Home) -> None:
        self.home = home
        store: Any = home.store
        self.use = CommandCases.over(store)

    @property
    def ada(self) -> Actor:
        return self.home.ada.actor

    async def send(self, *commands: Command) -> list[Sent]:
        return await self.use.sending.send_many(self.ada, commands)

    async def told(self, id: str = "42") -> list[Any]:  # noqa: A002 -- the command's
        rows = await self.use.looking.trail(self.ada, ("ledger", id), None, 99)
        return [each.event for each in rows]

    async def refused(self, *commands: Command) -> Faults:
        with pytest.raises(Invalid) as refused:
            await self.send(*commands)
        return [(each.path, each.message) for each in refused.value.faults]

    async def complete(self) -> CommandRecord:
        async with self.home.transaction() as tx:
            lease = uuid4()
            (record,) = await tx.commands.lease("ledger", 1, tx.now, lease)
            (done,) = await tx.commands.save([record.started().completed({"posted": True}, tx.now)])
            assert isinstance(done, CommandRecord)
            return done


@pytest_asyncio.fixture
async def bus(home: Home) -> Bus:
    return Bus(await catalogued(home))


class TestSending:
    @pytest.mark.req("CB-01", "S001")
    async def test_keeps_a_command_and_says_so_in_the_trail(self, bus: Bus) -> None:
        change, cause = bus.home.change(), uuid4()
        async with bus.home.transaction() as tx:
            await tx.changes.add(change)
        asked = journal(correlation=cause, causation="sales/9", change=change.id)
        sent = await bus.use.sending.send(bus.ada, asked)
        found = await bus.use.looking.get(bus.ada, ("ledger", "42"))
        assert sent == Sent(found, replayed=False)
        assert (found.state, found.command, found.sender) == (CommandState.PENDING, asked, bus.home.ada.id)
        (event,) = await bus.told()
        assert (event["action"], event["actor"], event["change"]) == (
            Action.COMMAND_SENT, str(bus.home.ada.id), str(change.id),
        )  # fmt: skip
        assert event["after"] == {
            "type": POST, "schema_version": 1, "fingerprint": found.fingerprint, "correlation": str(cause),
            "causation": "sales/9",
        }  # fmt: skip

    @pytest.mark.req("CB-01", "CB-02", "S001")
    async def test_is_part_of_the_callers_transaction(self, bus: Bus) -> None:
        async def given_up() -> None:
            async with bus.home.transaction() as tx:
                await send_in(tx, [journal()])
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await given_up()
        with pytest.raises(Missing):
            await bus.use.looking.get(bus.ada, ("ledger", "42"))
        assert await bus.told() == []
        async with bus.home.transaction() as tx:
            await send_in(tx, [journal()])
        assert [each["actor_type"] for each in await bus.told()] == ["system"]

    @pytest.mark.req("CB-03", "CB-04", "S002", "CB-D6")
    async def test_again_is_answered_with_what_became_of_it(self, bus: Bus) -> None:
        first = Command(POST, "42", {"entry": 7, "lines": [{"amount": "1"}]})
        await bus.send(first)
        (again,) = await bus.send(replace(first, payload={"lines": [{"amount": "1"}], "entry": 7.0}))
        assert (again.replayed, again.record.state) == (True, CommandState.PENDING)
        done = await bus.complete()
        assert await bus.send(first) == [Sent(done, replayed=True)]
        assert [each["action"] for each in await bus.told()] == [Action.COMMAND_SENT]

    @pytest.mark.req("CB-05", "CB-D6")
    async def test_something_else_under_its_id_is_a_conflict(self, bus: Bus) -> None:
        await bus.send(journal())
        async with bus.home.transaction() as tx:
            with pytest.raises(CommandConflict):
                await send_in(tx, [journal("45"), journal("46"), journal("46", entry=8)])
            with pytest.raises(CommandConflict) as refused:
                await send_in(tx, [journal("43"), journal(entry=8, priority=1)])
            await send_in(tx, [journal("44")])
        assert refused.value.facts == {
            "command": "ledger/42", "at": "/commands/1", "differs": ["payload", "priority"], "state": "pending",
        }  # fmt: skip
        found = await bus.use.looking.page(bus.ada, CommandFilter(), None, 9)
        assert {each.command.id for each in found} == {"42", "44"}
        assert len(await bus.told("44")) == len(await bus.told("42")) == 1

    @pytest.mark.req("CB-05")
    async def test_many_is_all_or_none(self, bus: Bus) -> None:
        await bus.send(journal("2"))
        with pytest.raises(CommandConflict):
            await bus.send(journal("1"), journal("2", entry=8), journal("3"))
        assert len(await bus.use.looking.page(bus.ada, CommandFilter(), None, 9)) == 1

    async def test_one_twice_at_once_is_one(self, bus: Bus) -> None:
        sent = await bus.send(journal(), journal("43"), journal())
        assert [each.replayed for each in sent] == [False, False, True]
        assert sent[0].record == sent[2].record
        with pytest.raises(CommandConflict):
            await bus.send(journal("44"), journal("44", entry=8))

    @pytest.mark.req("CB-07", "S002")
    async def test_the_same_id_elsewhere_is_another(self, bus: Bus) -> None:
        sent = await bus.send(journal(), Command("sales.ship-order", "42", {"any": 1}))
        assert [each.replayed for each in sent] == [False, False]

    @pytest.mark.req("CB-09", "S003")
    async def test_gives_a_correlation_that_what_follows_inherits(self, bus: Bus) -> None:
        (parent,) = await bus.send(journal())
        correlation = parent.record.command.options.correlation
        assert isinstance(correlation, UUID)
        child = caused(Command("sales.ship-order", "1", {}), parent.record.command)
        (sent,) = await bus.send(child)
        assert sent.record.command.options == Options(correlation=correlation, causation="ledger/42")

    async def test_nothing_is_nothing(self, bus: Bus) -> None:
        assert await bus.send() == []


class TestRefusing:
    @pytest.mark.req("CB-10")
    async def test_names_what_is_wrong_in_a_payload(self, bus: Bus) -> None:
        wrong = Command(POST, "43", {"entry": 0, "lines": [{"amount": "1"}, {}]})
        assert [path for path, _ in await bus.refused(journal(), wrong)] == [
            "/commands/1/payload/entry", "/commands/1/payload/lines/1",
        ]  # fmt: skip
        with pytest.raises(Invalid) as refused:
            await bus.use.sending.send(bus.ada, Command(POST, "43", {}))
        assert [each.path for each in refused.value.faults] == ["/payload"]
        with pytest.raises(Missing):
            await bus.use.looking.get(bus.ada, ("ledger", "42"))

    @pytest.mark.req("CB-10")
    async def test_never_repeats_what_was_given(self, bus: Bus) -> None:
        wrong = Command(POST, "43", {"entry": "4711-secret"})
        assert all("4711" not in message for _, message in await bus.refused(wrong))

    async def test_what_is_not_json(self, bus: Bus) -> None:
        for value in (float("nan"), "a\x00", ["\ud800"], {"a\x00": 1}):
            ((path, _),) = await bus.refused(Command("sales.ship-order", "43", {"note": value}))
            assert path.startswith("/commands/0/payload/note")

    async def test_says_which_types_there_are(self, bus: Bus) -> None:
        with pytest.raises(CommandTypeMissing) as refused:
            await bus.send(Command("ledger.post-jurnal", "1", {}), Command(POST, "2", {}, 3), Command("x.y", "3", {}))
        assert [(each.path, each.message) for each in refused.value.faults] == [
            ("/commands/0/type", f"one of {POST}"),
            ("/commands/1/schema_version", "one of 1, 2"),
            ("/commands/2/type", "a type that some handler takes"),
        ]

    async def test_what_is_written_wrong(self, bus: Bus) -> None:
        assert [path for path, _ in await bus.refused(journal("a b"), journal(priority=10))] == [
            "/commands/0/id", "/commands/1/priority",
        ]  # fmt: skip

    async def test_a_change_of_nobody(self, bus: Bus) -> None:
        assert await bus.refused(journal(change=uuid4())) == [("/commands/0/change", "a change of this tenant")]

    async def test_too_many(self, bus: Bus) -> None:
        assert [path for path, _ in await bus.refused(*[journal(str(each)) for each in range(MOST + 1)])] == [
            "/commands"
        ]

    async def test_who_may_not(self, bus: Bus) -> None:
        bob = bus.home.bob.actor
        for asked in (
            bus.use.sending.send(bob, journal()),
            bus.use.sending.send_many(bob, [journal()]),
            bus.use.looking.get(bob, ("ledger", "42")),
            bus.use.looking.page(bob, CommandFilter(), None, 1),
            bus.use.looking.trail(bob, ("ledger", "42"), None, 1),
            bus.use.looking.types(bob),
        ):
            with pytest.raises(PermissionMissing):
                await asked


class TestTrails:
    async def test_of_what_was_never_sent_are_empty(self, bus: Bus) -> None:
        assert await bus.told("nothing") == []

    async def test_types_are_told(self, bus: Bus) -> None:
        found = await bus.use.looking.types(bus.ada, "ledger")
        assert [(each.type, each.schema_version) for each in found if each.type == POST] == [(POST, 1), (POST, 2)]
