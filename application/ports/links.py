"""A link in a message is for one person, one request and one content, and for as long as the request stays open."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID, uuid5

from domain.approvals import Answer
from domain.errors import Forbidden

LONGEST: Final = timedelta(hours=72)
"""No link holds longer, however long its request stays open."""


class LinkForged(Forbidden):
    """This link was not made here, or not all of it arrived."""

    kind = "link-forged"


class LinkExpired(Forbidden):
    """This link is too old."""

    kind = "link-expired"


@dataclass(frozen=True)
class Link:
    """`id` stays the same when the message is sent again; `person` may vote once on the content of `digest`."""

    id: UUID
    tenant: UUID
    person: UUID
    approval: UUID
    digest: str
    expires_at: datetime

    def request(self, answer: Answer) -> UUID:
        """Under which the vote is counted once, however often the page is sent."""
        return uuid5(self.id, answer.value)


class LinkSeals(Protocol):
    """Tells a link of ours from a forged one."""

    def issue(self, link: Link) -> str:
        """Letters, digits, `-`, `_` and `.`; the same link is always the same text."""
        ...

    def read(self, token: str) -> Link:
        """LinkForged, or LinkExpired."""
        ...
