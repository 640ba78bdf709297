"""Standard Webhooks: who holds the secret proves what they sent, and when (standardwebhooks.com)."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError, WebhookVerificationError

from adapters.notify.webhook import signed
from application.ports.notify import DeliveryRefused
from application.ports.outward import Unsigned
from application.ports.secrets import Secret

_LONGEST_ID = 200


class StandardSignatures:
    """Answers `application.ports.outward.Signatures`; a message is believed for five minutes."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now

    def sign(self, message: UUID, body: bytes, secret: Secret) -> dict[str, str]:
        try:
            return signed(str(message), body.decode("utf-8"), secret.reveal(), self._now())
        except DeliveryRefused:
            raise ValueError("not a signing secret") from None

    def verify(self, headers: dict[str, str], body: bytes, secret: Secret) -> str:
        try:
            Webhook(secret.reveal()).verify(body, headers)
        except (WebhookVerificationError, EmptyWebhookSecretError, ValueError):
            raise Unsigned from None
        message = headers["webhook-id"]
        if not 1 <= len(message) <= _LONGEST_ID:
            raise Unsigned
        return message
