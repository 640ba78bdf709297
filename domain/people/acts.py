"""An act is what one person did through our API, and for how long that may be shown as proof."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from domain.errors import Forbidden

LIFETIME = timedelta(minutes=15)
"""The longest that an assertion of an act may be valid."""


class AssertionForged(Forbidden):
    """Nothing proves that this act came through the API."""

    kind = "assertion-forged"


class AssertionExpired(Forbidden):
    """The proof of this act is too old; act again through the API."""

    kind = "assertion-expired"


class AssertionUsed(Forbidden):
    """This proof has had its effect; act again through the API."""

    kind = "assertion-used"


@dataclass(frozen=True)
class Act:
    """`actor` did `verb` to `subject`, both short names or ids; `id` is the stored intent that holds the free text.

    `digest` binds the act to the content that the actor saw.
    """

    id: UUID
    tenant: UUID
    actor: UUID
    verb: str
    subject: str
    digest: str | None
    expires_at: datetime

    def check_issue(self, now: datetime) -> None:
        """ValueError unless the act expires after `now` and within LIFETIME."""
        if not now < self.expires_at <= now + LIFETIME:
            raise ValueError(f"an act expires after now and within {LIFETIME}")

    def check_use(self, now: datetime) -> None:
        if now >= self.expires_at:
            raise AssertionExpired(act=str(self.id))
