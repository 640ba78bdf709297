"""A message to one person is a template, a few short facts and one link; sending it twice is recognisable."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol
from urllib.parse import urlsplit
from uuid import UUID

from application.ports.secrets import Secret
from domain.errors import Unavailable


class Channel(StrEnum):
    MAIL = "mail"
    WEBHOOK = "webhook"
    SLACK = "slack"


class DeliveryFailed(Unavailable):
    """The message could not be delivered now."""

    kind = "delivery-failed"


class DeliveryRefused(DeliveryFailed):
    """The message will not be delivered, however often it is tried."""

    kind = "delivery-refused"


@dataclass(frozen=True)
class Recipient:
    """`address` is a mail address or the https address of a webhook, as `channel` says.

    `secret` signs what a webhook is sent; without one, the secret of the installation does.
    """

    channel: Channel
    address: str
    name: str = ""
    secret: Secret | None = None


@dataclass(frozen=True)
class Section:
    """A few lines under a heading."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Message:
    """`id` stays the same when the message is sent again; `link` opens what the message is about.

    `sections` say more of it, where there is more to say.
    """

    id: UUID
    template: str
    recipient: Recipient
    facts: Mapping[str, str]
    link: str
    sections: tuple[Section, ...] = ()


_CHANGE: Final = frozenset({"title", "environment"})
FACTS: Final[Mapping[str, frozenset[str]]] = {
    "approval_requested": _CHANGE | {"requester", "deadline"},
    "approval_reminder": _CHANGE | {"requester", "deadline"},
    "approval_decided": _CHANGE | {"outcome"},
    "approval_expired": _CHANGE,
    "votes_invalidated": _CHANGE | {"cause"},
    "rollout_finished": _CHANGE | {"outcome"},
    "breakglass_used": _CHANGE | {"actor", "reason", "incident"},
    "review_overdue": _CHANGE | {"actor", "cause", "deadline"},
    "webhook_disabled": frozenset({"host", "since", "reason"}),
    "rollback_incomplete": _CHANGE | {"cause", "targets"},
    "closure_task": frozenset({"entity", "period", "mode", "task", "state"}),
    "closure_ended": frozenset({"entity", "period", "mode", "outcome"}),
    "reopening_window": frozenset({"entity", "period", "state", "deadline"}),
    "reopening_ended": frozenset({"entity", "period", "outcome", "periods"}),
    "closure_series_rests": frozenset({"outcome", "closed"}),
    "command_bulk_rests": frozenset({"outcome", "act", "total", "done", "failed"}),
    "kill_switch": frozenset({"flag", "environment", "actor"}),
}
"""The facts that each template needs; some also use `level`, `actor` or `reason` when they are there."""


def check(message: Message) -> None:
    """DeliveryRefused for an unknown template, a fact that it needs and lacks, or a link that is not http(s)."""
    needed = FACTS.get(message.template)
    if needed is None:
        raise DeliveryRefused(reason="unknown-template")
    if not needed <= message.facts.keys():
        raise DeliveryRefused(reason="facts-missing", facts_missing=sorted(needed - message.facts.keys()))
    if not _is_link(message.link):
        raise DeliveryRefused(reason="link")


def _is_link(link: str) -> bool:
    if not link.isascii() or not link.isprintable() or any(character in link for character in " <>|\"'\\"):
        return False
    try:
        parts = urlsplit(link)
    except ValueError:
        return False
    return parts.scheme in {"https", "http"} and bool(parts.netloc)


class Notifier(Protocol):
    """Hands one message to its recipient's channel; DeliveryFailed when that did not work, and nothing else."""

    async def deliver(self, message: Message) -> None: ...
