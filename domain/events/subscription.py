"""A webhook is subscribed to events by type, environment and prefix of the key."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from domain.canonical import Json
from domain.environments import Environment
from domain.errors import Fault, Invalid
from domain.events.event import Event, EventType

_LONGEST_URL: Final = 2000
_LONGEST_PREFIX: Final = 200


@dataclass(frozen=True)
class Wants:
    """Where events go, and which: no types are all types, no environments all environments."""

    url: str
    types: tuple[EventType, ...] = ()
    environments: tuple[Environment, ...] = ()
    prefix: str = ""
    enabled: bool = True
    description: str = ""

    def to_json(self) -> dict[str, Json]:
        """For the trail: what stands after the host may be a secret of the receiver."""
        parts = urlsplit(self.url)
        return {
            "host": f"{parts.scheme}://{parts.hostname}",
            "types": [each.value for each in self.types],
            "environments": [each.value for each in self.environments],
            "prefix": self.prefix,
            "enabled": self.enabled,
        }


@dataclass(frozen=True)
class Subscription:
    """`sealed` is the signing secret; `failing_since` is when deliveries began to fail without one that succeeded."""

    id: UUID
    version: int
    wants: Wants
    sealed: str
    owner: UUID
    created_at: datetime
    failing_since: datetime | None = None
    disabled_because: str | None = None

    def takes(self, event: Event) -> bool:
        wants = self.wants
        return (
            wants.enabled
            and event.type in (wants.types or EventType)
            and any(event.concerns(each, wants.prefix) for each in wants.environments or (None,))
        )


def check_wants(wants: Wants) -> None:
    """Invalid for an address that no webhook has; whether it may be called is decided at each call."""
    faults = list(_faults(wants))
    if faults:
        raise Invalid(faults)


def _faults(wants: Wants) -> Iterator[Fault]:
    try:
        parts = urlsplit(wants.url)
        port_is_one = parts.port is None or parts.port > 0
    except ValueError:
        yield Fault("/url", "expected the address of a webhook")
        return
    if len(wants.url) > _LONGEST_URL or not wants.url.isascii() or not wants.url.isprintable() or " " in wants.url:
        yield Fault("/url", f"expected at most {_LONGEST_URL} visible ASCII characters")
    elif parts.scheme not in {"https", "http"} or not parts.hostname or not port_is_one:
        yield Fault("/url", "expected an address that begins with https://")
    elif parts.username is not None or parts.password is not None or parts.fragment:
        yield Fault("/url", "an address has no user, password or fragment")
    if len(wants.prefix) > _LONGEST_PREFIX:
        yield Fault("/prefix", f"expected at most {_LONGEST_PREFIX} characters")
    if EventType.WEBHOOK_TESTED in wants.types:
        yield Fault("/types", "a test is sent to the webhook that is tested, and nowhere else")
