"""What happened, told to whoever asked for it: never a value, only where to look."""

from domain.events.delivering import (
    DISABLED_AFTER,
    MOST_ATTEMPTS,
    Delivery,
    DeliveryState,
    longest_pause,
)
from domain.events.event import Event, EventType, Subject, new_event_id
from domain.events.subscription import Subscription, Wants, check_wants

__all__ = [
    "DISABLED_AFTER",
    "MOST_ATTEMPTS",
    "Delivery",
    "DeliveryState",
    "Event",
    "EventType",
    "Subject",
    "Subscription",
    "Wants",
    "check_wants",
    "longest_pause",
    "new_event_id",
]
