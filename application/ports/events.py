"""Events as the core sees them stored: written with the change, numbered once it is committed, then told."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol
from uuid import UUID

from application.ports.secrets import Secret
from domain.errors import Unavailable
from domain.events import Delivery, DeliveryState, Event, Subscription

LEASE: Final = timedelta(seconds=60)
"""How long an attempt has a delivery to itself; a call ends long before."""


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

    async def claim(self, delivery: UUID, claim: UUID) -> Delivery | None:
        """The delivery, one attempt further, if it is due and nobody else tries; it is ours for a minute."""
        ...

    async def settle(self, delivery: Delivery, state: DeliveryState, why: str | None, pause: timedelta) -> bool:
        """How the attempt ended; False when the claim had lapsed and somebody else has it."""
        ...

    async def delivery(self, delivery: UUID, *, lock: bool = False) -> Delivery | None: ...
    async def deliveries(
        self, webhook: UUID, state: DeliveryState | None, before: "tuple[datetime, UUID] | None", limit: int
    ) -> list[Delivery]:
        """Newest first."""
        ...

    async def revive(self, delivery: UUID) -> None:
        """Due again, as if it had never been tried."""
        ...


class WorkKind(StrEnum):
    UNTOLD = "untold"
    DELIVERY = "delivery"
    OLD = "old"


@dataclass(frozen=True)
class Work:
    """A tenant that has events to number or to forget, or a delivery that is due, with its webhook."""

    kind: WorkKind
    tenant: UUID
    id: UUID | None = None
    webhook: UUID | None = None


class Postman(Protocol):
    """One signed POST; NotDelivered with a short `reason` when it was not taken, `gone` when it never will be."""

    async def post(self, url: str, message: UUID, body: bytes, secret: Secret) -> None: ...
