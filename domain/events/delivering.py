"""A delivery is tried again, later each time, until it is dead; a webhook that fails for days is switched off."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from domain.canonical import Json
from domain.events.event import EventType

MOST_ATTEMPTS: Final = 15
DISABLED_AFTER: Final = timedelta(days=3)
_FIRST_PAUSE: Final = timedelta(seconds=5)
_LAST_PAUSE: Final = timedelta(hours=2)


class DeliveryState(StrEnum):
    DUE = "due"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True)
class Delivery:
    """One event on its way to one webhook; `claim` names the attempt that is being made, if one is."""

    id: UUID
    webhook: UUID
    event: UUID
    type: EventType
    body: Json
    created_at: datetime
    state: DeliveryState = DeliveryState.DUE
    attempts: int = 0
    last_error: str | None = None
    settled_at: datetime | None = None
    claim: UUID | None = None

    @property
    def last_chance(self) -> bool:
        """Whether the attempt that is being made is the last one."""
        return self.attempts >= MOST_ATTEMPTS


def longest_pause(attempts: int) -> timedelta:
    """After so many attempts, the longest that the next one waits; each waits a random part of it, at least half."""
    return min(_FIRST_PAUSE * (1 << min(max(attempts - 1, 0), 20)), _LAST_PAUSE)
