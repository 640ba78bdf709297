"""Whoever sends says who is told how it ended, by either store."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from application.commands.cases import CommandCases
from application.commands.sending import Sent
from application.ports.outward import Destination, DestinationKind
from domain.commands import Command, CommandConflict, ReplyTo
from domain.errors import Invalid
from tests.contract.homes import Home
from tests.contract.ordering import catalogued, journal

WHEN = datetime(2026, 3, 1, tzinfo=UTC)
BY_COMMAND = ReplyTo.by_command("sales.ship-order", "answer-")
BY_WEBHOOK = ReplyTo.by_webhook("crm")


class Replies:
    def __init__(self, home: Home) -> None:
        self.home = home
        store: Any = home.store
        self.use = CommandCases.over(store)

    async def send(self, command: Command) -> Sent:
        return await self.use.sending.send(self.home.ada.actor, command)

    async def refused(self, wanted: ReplyTo) -> list[str]:
        with pytest.raises(Invalid) as refused:
            await self.send(journal(reply_to=wanted))
        return [each.path for each in refused.value.faults]

    async def destination(self, name: str, kind: DestinationKind) -> None:
        async with self.home.transaction() as tx:
            await tx.outward.put_destination(
                Destination(name, 1, kind, "sealed", "a.test", (), (), True, self.home.ada.id, WHEN)
            )


@pytest_asyncio.fixture
async def replies(home: Home) -> Replies:
    return Replies(await catalogued(home))


@pytest.mark.req("S001")
async def test_are_kept_with_the_command_and_are_part_of_what_it_says(replies: Replies) -> None:
    await replies.destination("crm", DestinationKind.WEBHOOK)
    by_signal = ReplyTo.by_signal(f"reply/{replies.home.tenant.id}/wait-7", "command_over")
    for place, wanted in enumerate((BY_COMMAND, BY_WEBHOOK, by_signal)):
        asked = journal(str(place), reply_to=wanted)
        await replies.send(asked)
        again = await replies.send(asked)
        assert (again.replayed, again.record.command.options.reply_to) == (True, wanted)
    with pytest.raises(CommandConflict) as refused:
        await replies.send(journal("0", reply_to=ReplyTo.by_command("sales.ship-order", "other-")))
    assert refused.value.facts["differs"] == ["reply_to"]


async def test_go_nowhere_that_is_not_there(replies: Replies) -> None:
    await replies.destination("mail", DestinationKind.EMAIL_LIST)
    assert await replies.refused(BY_WEBHOOK) == ["/reply_to/destination"]
    assert await replies.refused(ReplyTo.by_webhook("mail")) == ["/reply_to/destination"]
    assert await replies.refused(ReplyTo.by_command("sales.ship-ordr", "a-")) == ["/reply_to/type"]
    assert await replies.refused(ReplyTo.by_command("sales.ship-order", "a-", 2)) == ["/reply_to/type"]


@pytest.mark.parametrize("other", [uuid4(), UUID(int=0)])
async def test_signal_no_workflow_of_another_tenant(replies: Replies, other: UUID) -> None:
    assert await replies.refused(ReplyTo.by_signal(f"reply/{other}/1", "over")) == ["/reply_to/workflow"]
    ours = replies.home.tenant.id
    assert await replies.refused(ReplyTo.by_signal(f"rollout/{ours}/1", "over")) == ["/reply_to/workflow"]
