"""A command carries each delivery until it has arrived or is dead; a webhook that fails for days is switched off."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from domain.canonical import Json
from domain.commands import Command, CommandRecord, CommandState
from domain.commands.answers import OWN
from domain.events.event import EventType

DELIVER_EVENT: Final = f"{OWN}.deliver-event"
MOST_ATTEMPTS: Final = 15
PAUSES: Final = tuple(min(5 * 2**nth, 7200) for nth in range(MOST_ATTEMPTS - 1))
"""Seconds after each attempt but the last."""
DISABLED_AFTER: Final = timedelta(days=3)
ARRIVED: Final = {"outcome": "delivered"}
GONE: Final = {"outcome": "gone"}
OFF: Final = {"outcome": "webhook-disabled"}
"""What comes of such a command. A delivery is gone with its webhook, or once it is forgotten; while its webhook is off
it waits for another command."""


class DeliveryState(StrEnum):
    DUE = "due"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True)
class Delivery:
    """One event on its way to one webhook; `command` is the id of what carries it, or carried it last, if anything."""

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
    command: str | None = None

    def carried_by(self, command: str) -> Command:
        return Command(DELIVER_EVENT, command, {"delivery": str(self.id), "webhook": str(self.webhook)})


@dataclass(frozen=True)
class Progress:
    """How far its command has brought a delivery; nothing carries one that `waits`."""

    delivery: UUID
    command: str
    state: DeliveryState
    attempts: int
    last_error: str | None
    waits: bool = False


def progress_of(record: CommandRecord) -> Progress:
    """What a person completes has arrived by other means."""
    waits = record.state is CommandState.COMPLETED and record.result == OFF
    error = OFF["outcome"] if waits else record.error.code if record.error else None
    state = DeliveryState.DUE
    if record.state is CommandState.PARKED or (record.over and record.state is not CommandState.COMPLETED):
        state = DeliveryState.DEAD
    elif record.over and not waits:
        state = DeliveryState.DELIVERED
    return Progress(UUID(record.payload["delivery"]), record.command.id, state, record.attempt, error, waits)
