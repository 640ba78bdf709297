import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from uuid import UUID

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from adapters.egress.client import EgressClient
from adapters.notify.fanout import FanoutNotifier
from adapters.notify.webhook import WebhookNotifier
from application.ports.notify import Channel, DeliveryFailed, DeliveryRefused, Message, Recipient

SECRET = "whsec_" + "c2VjcmV0" * 4
MESSAGE = Message(
    UUID("01920000-0000-7000-8000-000000000001"),
    "kill_switch",
    Recipient(Channel.WEBHOOK, ""),
    {"flag": "new-rates", "environment": "prod", "actor": "Änne"},
    "https://changegate.example.com/flags/new-rates?a=1&b=2",
)


@dataclass
class Receiver:
    """A real webhook receiver on loopback."""

    status: str = "200 OK"
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0

    async def on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:-2])
        original = dict(line.split(": ", 1) for line in head.split("\r\n")[1:-2])
        signed = {name.lower(): value for name, value in original.items()}
        self.posts.append((signed, await reader.readexactly(int(headers["content-length"]))))
        writer.write(f"HTTP/1.1 {self.status}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    def message(self, **facts: str) -> Message:
        recipient = Recipient(Channel.WEBHOOK, f"http://127.0.0.1:{self.port}/hook")
        return replace(MESSAGE, recipient=recipient, facts={**MESSAGE.facts, **facts})


async def secret_of(_recipient: Recipient) -> str:
    return SECRET


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.on_connection, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    async with server:
        yield receiver


@pytest.fixture
async def notifier() -> AsyncIterator[WebhookNotifier]:
    async with EgressClient(allow_loopback=True) as egress:
        yield WebhookNotifier(egress, secret_of)


class TestSignature:
    async def test_the_receiver_can_tell_who_sent_it(self, receiver: Receiver, notifier: WebhookNotifier) -> None:
        await notifier.deliver(receiver.message())
        ((headers, body),) = receiver.posts
        assert Webhook(SECRET).verify(body, headers) == json.loads(body)
        assert headers["webhook-id"] == str(MESSAGE.id)

    async def test_another_body_does_not_verify(self, receiver: Receiver, notifier: WebhookNotifier) -> None:
        await notifier.deliver(receiver.message())
        ((headers, body),) = receiver.posts
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(body.replace(b"prod", b"test"), headers)

    @pytest.mark.parametrize("secret", ["", "whsec_", "whsec_é"])
    async def test_without_a_secret_nothing_is_sent(self, receiver: Receiver, secret: str) -> None:
        async def none(_recipient: Recipient) -> str:
            return secret

        async with EgressClient(allow_loopback=True) as egress:
            with pytest.raises(DeliveryRefused):
                await WebhookNotifier(egress, none).deliver(receiver.message())
        assert receiver.posts == []


class TestBody:
    async def test_slack_can_show_it(self, receiver: Receiver, notifier: WebhookNotifier) -> None:
        await notifier.deliver(receiver.message())
        link = "<https://changegate.example.com/flags/new-rates?a=1&amp;b=2|Open in Changegate>"
        line = 'Änne switched off "new-rates" in prod with the kill switch.'
        assert json.loads(receiver.posts[0][1]) == {
            "text": f"Switched off: new-rates (prod)\n{link}",
            "blocks": [
                {
                    "type": "header",
                    "text": {"type": "plain_text", "text": "Switched off: new-rates (prod)", "emoji": False},
                },
                {"type": "section", "text": {"type": "plain_text", "text": line, "emoji": False}},
                {"type": "section", "text": {"type": "mrkdwn", "text": link}},
            ],
        }

    async def test_a_fact_mentions_nobody(self, receiver: Receiver, notifier: WebhookNotifier) -> None:
        await notifier.deliver(receiver.message(flag="<!channel> <https://evil.example|x>" + "x" * 400))
        body = json.loads(receiver.posts[0][1])
        assert "<!channel>" not in body["text"]
        assert {block["text"]["type"] for block in body["blocks"][:-1]} == {"plain_text"}
        assert len(body["blocks"][0]["text"]["text"]) <= 150


class TestAnswer:
    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            ("500 Internal Server Error", DeliveryFailed),
            ("503 Service Unavailable", DeliveryFailed),
            ("429 Too Many Requests", DeliveryFailed),
            ("302 Found", DeliveryRefused),
            ("404 Not Found", DeliveryRefused),
            ("410 Gone", DeliveryRefused),
        ],
    )
    async def test_what_is_final_is_refused_and_the_rest_may_be_tried_again(
        self, receiver: Receiver, notifier: WebhookNotifier, status: str, kind: type
    ) -> None:
        receiver.status = status
        with pytest.raises(DeliveryFailed) as failed:
            await notifier.deliver(receiver.message())
        assert type(failed.value) is kind

    async def test_an_address_inside_is_refused(self) -> None:
        inside = replace(MESSAGE, recipient=Recipient(Channel.WEBHOOK, "https://169.254.169.254/latest"))
        async with EgressClient() as egress:
            with pytest.raises(DeliveryRefused) as refused:
                await WebhookNotifier(egress, secret_of).deliver(inside)
        assert refused.value.facts["reason"] == "address-not-public"


class TestFanout:
    async def test_a_channel_that_nobody_set_up_is_refused(self) -> None:
        with pytest.raises(DeliveryRefused) as refused:
            await FanoutNotifier({}).deliver(MESSAGE)
        assert refused.value.facts["channel"] == "webhook"
