"""Whoever waits is told once, by the transaction in which the command ends, by either store."""

from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from application.commands.moves import moved
from application.ports.commands import CommandFilter
from application.ports.outward import Destination, DestinationKind
from domain.commands import Command, CommandRecord, CommandTypeMissing, ReplyTo
from domain.commands.operations import Act
from tests.contract.homes import LONG_AGO, Home
from tests.contract.ordering import catalogued, journal
from tests.contract.yard import WHY, Yard, ungoverned

BY_COMMAND = ReplyTo.by_command("sales.ship-order", "answer-")
ERROR = {"kind": "permanent", "code": "no-account", "message": "there is no such account", "details": None}
ABOUT = {"command": "ledger/1", "type": "ledger.post-journal", "epoch": 1}


@pytest_asyncio.fixture
async def yard(home: Home) -> Yard:
    yard = Yard(await catalogued(await ungoverned(home)))
    crm = Destination("crm", 1, DestinationKind.WEBHOOK, "sealed", "a.test", (), (), True, home.ada.id, LONG_AGO)
    async with home.transaction() as tx:
        await tx.outward.put_destination(crm)
    return yard


async def send(yard: Yard, wanted: ReplyTo = BY_COMMAND, id: str = "1", **options: Any) -> None:  # noqa: A002 -- the command's
    await yard.use.sending.send(yard.ada, journal(id, reply_to=wanted, **options))


async def replies(yard: Yard) -> list[CommandRecord]:
    found = await yard.use.looking.page(yard.operator, CommandFilter(), None, 99)
    return [each for each in found if each.command.domain != "ledger"]


async def said(yard: Yard) -> dict[str, Any]:
    (only,) = await replies(yard)
    told: dict[str, Any] = only.command.payload
    return told


class TestOnce:
    @pytest.mark.req("CB-16", "S003", "S005")
    @pytest.mark.parametrize(
        ("way", "told"),
        [
            ("completed", {"state": "completed", "result": {"posted": True}}),
            ("failed", {"state": "failed", "error": ERROR}),
            ("expired", {"state": "expired", "result": None}),
        ],
    )
    async def test_it_is_over(self, yard: Yard, way: str, told: dict[str, Any]) -> None:
        await send(yard)
        assert await replies(yard) == []
        await yard.ends(way)
        (reply,) = await replies(yard)
        assert reply.command.payload == {**ABOUT, **told}
        assert (reply.key, reply.sender) == (("sales", "answer-ledger:1"), yard.ada.id)
        assert reply.command.options.causation == "ledger/1"
        asked = await yard.use.looking.get(yard.operator, ("ledger", "1"))
        assert reply.command.options.correlation == asked.command.options.correlation

    @pytest.mark.req("CB-15", "S009", "S010")
    async def test_not_while_it_waits_for_a_person(self, yard: Yard) -> None:
        await send(yard)
        await yard.ends("parked")
        assert await replies(yard) == []
        await yard.decide("1", Act.RETRY)
        await yard.ends("parked")
        assert await replies(yard) == []
        await yard.decide("1", Act.RETRY)
        await yard.ends("completed")
        assert await said(yard) == {**ABOUT, "epoch": 3, "state": "completed", "result": {"posted": True}}

    @pytest.mark.req("CB-43", "S013")
    async def test_a_person_canceled_it(self, yard: Yard) -> None:
        await send(yard)
        await yard.ends("parked")
        await yard.decide("1", Act.CANCEL)
        assert await said(yard) == {**ABOUT, "state": "canceled", "reason": WHY, "evidence": None, "error": ERROR}

    @pytest.mark.req("CB-43", "S014")
    async def test_a_person_completed_it(self, yard: Yard) -> None:
        await send(yard)
        await yard.ends("parked")
        await yard.decide("1", Act.COMPLETE)
        proof = "sha256:" + "0" * 64
        assert await said(yard) == {**ABOUT, "state": "completed", "reason": WHY, "evidence": proof, "result": None}

    @pytest.mark.req("CB-43")
    async def test_it_waited_for_nobody_and_was_canceled(self, yard: Yard) -> None:
        await send(yard)
        await yard.use.canceling.cancel(yard.operator, ("ledger", "1"), 1, uuid4(), WHY)
        assert (await said(yard))["reason"] == WHY

    async def test_by_whoever_it_is_told(self, yard: Yard) -> None:
        waiting = f"reply/{yard.home.tenant.id}/7"
        await send(yard, ReplyTo.by_webhook("crm"))
        await send(yard, ReplyTo.by_signal(waiting, "command_over"), "2")
        await yard.ends("completed", "completed")
        by_signal, by_webhook = sorted(await replies(yard), key=lambda each: each.command.type, reverse=True)
        assert (by_webhook.command.type, by_webhook.command.id, by_webhook.sender) == (
            "changegate.reply-by-webhook", "reply:ledger:1", None,
        )  # fmt: skip
        assert by_webhook.command.payload == {
            "destination": "crm", "reply": {**ABOUT, "state": "completed", "result": {"posted": True}},
        }  # fmt: skip
        assert by_signal.command.type == "changegate.reply-to-workflow"
        assert by_signal.command.payload == {
            "workflow": waiting, "signal": "command_over",
            "reply": {"command": "ledger/2", "state": "completed", "epoch": 1},
        }  # fmt: skip

    async def test_whose_name_is_long(self, yard: Yard) -> None:
        await send(yard, id="x" * 200)
        await yard.ends("completed")
        (reply,) = await replies(yard)
        assert (len(reply.command.id), reply.command.payload["command"]) == (71, f"ledger/{'x' * 200}")

    async def test_where_another_command_has_its_name_that_is_in_the_trail(self, yard: Yard) -> None:
        await yard.use.sending.send(yard.ada, Command("sales.ship-order", "answer-ledger:1", {}))
        await send(yard)
        await send(yard, id="2")
        async with yard.home.transaction() as tx:  # both end at once, and one reply is sent all the same
            leased = await tx.commands.lease("ledger", 2, tx.now, uuid4())
            begun = await moved(tx, [each.started() for each in leased])
            await moved(tx, [each.completed(None, tx.now) for each in begun])
        assert {each.command.id for each in await replies(yard)} == {"answer-ledger:1", "answer-ledger:2"}
        rows = await yard.use.looking.trail(yard.operator, ("sales", "answer-ledger:1"), None, 9)
        assert [each.event["action"] for each in rows] == ["command:record:sent", "command:reply:lost"]


async def test_nobody_else_sends_what_is_the_products_own(yard: Yard) -> None:
    own = Command("changegate.reply-by-webhook", "1", {"destination": "crm", "reply": {}})
    with pytest.raises(CommandTypeMissing) as refused:
        await yard.use.sending.send(yard.ada, own)
    assert [each.path for each in refused.value.faults] == ["/type"]
    assert await replies(yard) == []
