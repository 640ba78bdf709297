"""What happened, told to whoever asked for it: never a value, only where to look."""

from domain.events.delivering import (
    ARRIVED,
    DELIVER_EVENT,
    DISABLED_AFTER,
    GONE,
    MOST_ATTEMPTS,
    OFF,
    PAUSES,
    Delivery,
    DeliveryState,
    Progress,
    progress_of,
)
from domain.events.event import Event, EventType, Subject, new_event_id
from domain.events.subscription import Subscription, Wants, check_wants

__all__ = [
    "ARRIVED",
    "DELIVER_EVENT",
    "DISABLED_AFTER",
    "GONE",
    "MOST_ATTEMPTS",
    "OFF",
    "PAUSES",
    "Delivery",
    "DeliveryState",
    "Event",
    "EventType",
    "Progress",
    "Subject",
    "Subscription",
    "Wants",
    "check_wants",
    "new_event_id",
    "progress_of",
]
