"""A webhook gets a body that Slack can show, signed so that its receiver knows who sent it (standardwebhooks.com)."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final

from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError

from adapters.notify.wording import Wording, worded
from application.ports.egress import AddressRefused, CallFailed, Egress
from application.ports.notify import DeliveryFailed, DeliveryRefused, Message, Recipient, Section

SecretOf = Callable[[Recipient], Awaitable[str]]
"""The signing secret that a recipient shares with us: `whsec_` and base64."""

_HEADER_CHARACTERS: Final = 150
_SECTION_CHARACTERS: Final = 3000
_AGAIN: Final = frozenset({408, 425, 429})


class WebhookNotifier:
    """Answers `application.ports.notify.Notifier` with one POST through `egress`.

    It is signed where somebody can check that: without `secret_of` the address itself is the secret.
    """

    def __init__(
        self, egress: Egress, secret_of: SecretOf | None, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._egress = egress
        self._secret_of = secret_of
        self._now = now

    async def deliver(self, message: Message) -> None:
        body = json.dumps(slack_body(worded(message)), ensure_ascii=False)
        headers = await self._headers(message, body)
        try:
            answer = await self._egress.request(
                "POST", message.recipient.address, headers=headers, body=body.encode("utf-8")
            )
        except AddressRefused as refused:
            raise DeliveryRefused(reason=f"address-{refused.facts['reason']}") from None
        except CallFailed as failed:
            raise DeliveryFailed(reason=failed.facts["reason"]) from None
        _accept(answer.status)

    async def _headers(self, message: Message, body: str) -> dict[str, str]:
        if self._secret_of is None:
            return {"content-type": "application/json", "webhook-id": str(message.id)}
        own = message.recipient.secret
        secret = own.reveal() if own is not None else await self._secret_of(message.recipient)
        return signed(str(message.id), body, secret, self._now())


def signed(message_id: str, body: str, secret: str, now: datetime) -> dict[str, str]:
    """The headers; DeliveryRefused for a secret that is none."""
    at = now.astimezone(UTC)
    try:
        signature = Webhook(secret).sign(message_id, at, body)
    except (ValueError, EmptyWebhookSecretError):
        raise DeliveryRefused(reason="secret") from None
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature,
    }


def slack_body(wording: Wording) -> dict[str, Any]:
    """`text` for clients without blocks, and `blocks`; nothing in it can mention a channel or hide a link."""
    link = f"<{_escaped(wording.link)}|Open in Changegate>"
    return {
        "text": f"{_escaped(wording.subject)}\n{link}",
        "blocks": [
            {"type": "header", "text": _plain(wording.subject, _HEADER_CHARACTERS)},
            *({"type": "section", "text": _plain(line, _SECTION_CHARACTERS)} for line in wording.lines),
            *({"type": "section", "text": _plain(_said(each), _SECTION_CHARACTERS)} for each in wording.sections),
            {"type": "section", "text": {"type": "mrkdwn", "text": link}},
        ],
    }


def _said(section: Section) -> str:
    return "\n".join((section.title, *section.lines))


def _plain(text: str, limit: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": text[:limit], "emoji": False}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _accept(status: int) -> None:
    if 200 <= status < 300:  # noqa: PLR2004 - the class of success (RFC 9110)
        return
    if status in _AGAIN or status >= 500:  # noqa: PLR2004 - the class of server errors (RFC 9110)
        raise DeliveryFailed(reason=f"status-{status}")
    raise DeliveryRefused(reason=f"status-{status}")
