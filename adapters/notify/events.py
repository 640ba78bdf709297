"""An event is posted as its envelope, signed so that its receiver knows who sent it (standardwebhooks.com)."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from adapters.notify.webhook import signed
from application.ports.egress import AddressRefused, CallFailed, Egress
from application.ports.events import NotDelivered
from application.ports.notify import DeliveryRefused
from application.ports.secrets import Secret

_GONE: Final = 410


class SignedPosts:
    """Answers `application.ports.events.Postman`; the vetted address is called, and no redirect is followed."""

    def __init__(self, egress: Egress, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._egress = egress
        self._now = now

    async def post(self, url: str, message: UUID, body: bytes, secret: Secret) -> None:
        try:
            headers = signed(str(message), body.decode("utf-8"), secret.reveal(), self._now())
            answer = await self._egress.request("POST", url, headers=headers, body=body)
        except DeliveryRefused:
            raise NotDelivered(reason="secret") from None
        except AddressRefused as refused:
            raise NotDelivered(reason=f"address-{refused.facts['reason']}") from None
        except CallFailed as failed:
            raise NotDelivered(reason=str(failed.facts["reason"])) from None
        if not 200 <= answer.status < 300:  # noqa: PLR2004 -- the class of success (RFC 9110)
            raise NotDelivered(reason=f"status-{answer.status}", gone=answer.status == _GONE)
