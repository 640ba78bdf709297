import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import pytest
from aiosmtpd.smtp import SMTP

from adapters.egress.client import EgressClient
from adapters.memory.notify import MemoryNotifier
from adapters.notify.fanout import FanoutNotifier
from adapters.notify.mail import MailNotifier, MailServer, Security
from adapters.notify.webhook import WebhookNotifier
from application.ports.notify import FACTS, Channel, DeliveryFailed, DeliveryRefused, Message, Notifier, Recipient

BY_MAIL = Recipient(Channel.MAIL, "bo@example.com", "Bo")
ID = UUID("01920000-0000-7000-8000-000000000001")


@dataclass
class Inbox:
    """Both a real mail server and a real webhook receiver on loopback; knows which message ids arrived."""

    arrived: list[str] = field(default_factory=list)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        head = envelope.content.decode().partition("Message-ID: <")[2]
        self.arrived.append(head.partition("@")[0])
        return "250 OK"

    async def on_post(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        self.arrived.append(head.partition("webhook-id: ")[2].partition("\r\n")[0])
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()
        writer.close()


@dataclass
class Reachable:
    notifier: Notifier
    recipient: Recipient
    arrived: Callable[[], list[str]]
    stop: Callable[[], None]


def message(recipient: Recipient, template: str = "approval_requested", **facts: str) -> Message:
    given = dict.fromkeys(FACTS.get(template, ()), "something") | facts
    return Message(ID, template, recipient, given, "https://changegate.example.com/changes/7?tab=diff&x=1")


def in_memory() -> Reachable:
    notifier = MemoryNotifier()

    def stop() -> None:
        notifier.down = True

    return Reachable(notifier, BY_MAIL, lambda: [str(told.id) for told in notifier.delivered], stop)


def over_wire(server: asyncio.Server, recipient: Recipient, notifier: Notifier, inbox: Inbox) -> Reachable:
    return Reachable(notifier, recipient, lambda: inbox.arrived, server.close)


@pytest.fixture(params=["memory", "mail", "webhook", "fanout"])
async def reachable(request: pytest.FixtureRequest) -> AsyncIterator[Reachable]:
    inbox = Inbox()
    if request.param == "memory":
        yield in_memory()
    elif request.param == "webhook":
        async with EgressClient(allow_loopback=True) as egress:
            server = await asyncio.start_server(inbox.on_post, "127.0.0.1", 0)
            address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
            notifier = WebhookNotifier(egress, _secret)
            yield over_wire(server, Recipient(Channel.WEBHOOK, address), notifier, inbox)
            server.close()
    else:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: SMTP(inbox, hostname="mx.test"), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        mail = MailNotifier(MailServer("127.0.0.1", port, "changegate@example.com", Security.PLAIN, seconds=5))
        fanout = FanoutNotifier({Channel.MAIL: mail})
        yield over_wire(server, BY_MAIL, fanout if request.param == "fanout" else mail, inbox)
        server.close()


async def _secret(_recipient: Recipient) -> str:
    return "whsec_" + "c2VjcmV0" * 4


class TestNotifier:
    @pytest.mark.parametrize("template", sorted(FACTS))
    async def test_every_template_is_delivered(self, reachable: Reachable, template: str) -> None:
        await reachable.notifier.deliver(message(reachable.recipient, template))
        assert reachable.arrived() == [str(ID)]

    @pytest.mark.req("S77")
    async def test_the_same_message_again_has_the_same_id(self, reachable: Reachable) -> None:
        for _ in range(2):
            await reachable.notifier.deliver(message(reachable.recipient))
        assert reachable.arrived() == [str(ID)] * 2

    @pytest.mark.req("S77")
    async def test_a_dead_receiver_is_a_failure_and_nothing_else(self, reachable: Reachable) -> None:
        reachable.stop()
        with pytest.raises(DeliveryFailed) as failed:
            await reachable.notifier.deliver(message(reachable.recipient))
        assert not isinstance(failed.value, DeliveryRefused)

    async def test_an_unknown_template_is_refused(self, reachable: Reachable) -> None:
        with pytest.raises(DeliveryRefused):
            await reachable.notifier.deliver(message(reachable.recipient, "../secrets"))

    async def test_a_missing_fact_is_refused(self, reachable: Reachable) -> None:
        with pytest.raises(DeliveryRefused):
            await reachable.notifier.deliver(replace(message(reachable.recipient), facts={"title": "x"}))

    @pytest.mark.parametrize(
        "link",
        [
            "",
            "javascript:alert(1)",
            "https://a.example/>x|y",
            "https://a.example/\r\nX: y",
            "//a.example/",
            "https://[/",
        ],
    )
    async def test_a_link_that_is_none_is_refused(self, reachable: Reachable, link: str) -> None:
        with pytest.raises(DeliveryRefused):
            await reachable.notifier.deliver(replace(message(reachable.recipient), link=link))
        assert reachable.arrived() == []
