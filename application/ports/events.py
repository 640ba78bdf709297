"""Events as the core sees them stored: written with the change, numbered once it is committed, then told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from application.ports.secrets import Secret
from domain.errors import Unavailable
from domain.events import Delivery, DeliveryState, Event, Progress, Subscription


class NotDelivered(Unavailable):
    """The webhook did not take the event."""

    kind = "not-delivered"


@dataclass(frozen=True)
class Line:
    """How far a tenant's events are numbered, and up to where they are forgotten."""

    position: int = 0
    forgotten: int = 0


class Events(Protocol):
    """The events of one tenant."""

    async def add(self, *events: Event) -> None: ...
    async def number(self, limit: int) -> list[Event]:
        """Those that are due get the next positions, in order; a plan that was given up is forgotten instead.

        Others that number wait until this transaction ends, so a position never appears below one that was read.
        """
        ...

    async def line(self) -> Line: ...
    async def after(self, position: int, limit: int) -> list[Event]: ...
    async def forget(self, keep: timedelta) -> int:
        """Forget what was told longer ago, a part at a time; how many there were."""
        ...


class Webhooks(Protocol):
    """Subscriptions of one tenant, and what is on its way to them."""

    async def add(self, subscription: Subscription) -> bool:
        """False when it is there already."""
        ...

    async def get(self, webhook: UUID, *, lock: bool = False) -> Subscription | None: ...
    async def all(self, *, hold: bool = False) -> list[Subscription]:
        """With `hold` none of them is removed before the transaction ends."""
        ...

    async def save(self, subscription: Subscription) -> None: ...
    async def remove(self, webhook: UUID) -> None: ...
    async def hand_out(self, *deliveries: Delivery) -> None:
        """One that is there already stays as it is."""
        ...

    async def take_up(self, limit: int) -> list[Delivery]:
        """Those that are due and nothing carries, each with a new command; of webhooks that are on, and tests."""
        ...

    async def follow(self, moves: Sequence[Progress]) -> None:
        """What another command carries by now, or nothing does, stays as it is."""
        ...

    async def carrying(self, webhook: UUID) -> list[str]:
        """The commands of all that has not arrived there."""
        ...

    async def delivery(self, delivery: UUID, *, lock: bool = False) -> Delivery | None: ...
    async def deliveries(
        self, webhook: UUID, state: DeliveryState | None, before: "tuple[datetime, UUID] | None", limit: int
    ) -> list[Delivery]:
        """Newest first."""
        ...

    async def revive(self, delivery: UUID) -> None:
        """Due again, as if it had never been tried; nothing carries it yet."""
        ...


class WorkKind(StrEnum):
    """`UNCARRIED` are deliveries that are due and that no command carries."""

    UNTOLD = "untold"
    UNCARRIED = "delivery"
    OLD = "old"


@dataclass(frozen=True)
class Work:
    """A tenant that has some."""

    kind: WorkKind
    tenant: UUID


class Postman(Protocol):
    """One signed POST; NotDelivered with a short `reason` when it was not taken, `gone` when it never will be."""

    async def post(self, url: str, message: UUID, body: bytes, secret: Secret) -> None: ...
