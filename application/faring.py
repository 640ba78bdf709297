"""How what leaves fares is counted by the process that sends it: by what it is, and never by whose."""

from dataclasses import dataclass
from enum import StrEnum


class Fared(StrEnum):
    DELIVERED = "delivered"
    RETRIED = "retried"
    GIVEN_UP = "given-up"


@dataclass(frozen=True)
class Sent:
    """One attempt; `kind` is the channel of a message, `event` for a subscribed webhook, or `ticket`."""

    kind: str
    fared: Fared
