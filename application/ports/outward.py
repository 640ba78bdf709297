"""What a tenant sends outside: where messages go, which systems are asked for votes, and what they were asked."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol
from uuid import UUID

from application.ports.secrets import Secret
from domain.approvals import Answer
from domain.canonical import Json
from domain.environments import Environment
from domain.errors import Unauthenticated

LEASE: Final = timedelta(seconds=60)
"""How long an attempt has a ticket to itself; a call ends long before."""


class DestinationKind(StrEnum):
    WEBHOOK = "webhook"
    SLACK = "slack"
    EMAIL_LIST = "email-list"


@dataclass(frozen=True)
class Destination:
    """`sealed` holds the address; `shown` is what people see of it. No events are all, no environments all of them."""

    name: str
    version: int
    kind: DestinationKind
    sealed: str
    shown: str
    events: tuple[str, ...]
    environments: tuple[Environment, ...]
    enabled: bool
    owner: UUID
    written_at: datetime
    request: UUID | None = None
    failing_since: datetime | None = None
    last_error: str | None = None

    def takes(self, event: str, environment: str | None) -> bool:
        """Whether it wants to be told; what is in no environment concerns everybody."""
        everywhere = environment is None or not self.environments
        wanted = not self.events or event in self.events
        return self.enabled and wanted and (everywhere or environment in {each.value for each in self.environments})


@dataclass(frozen=True)
class ApprovalSystem:
    """`url` is where its paths begin, `mapping` how it is asked and read; `principal` is who votes for it."""

    name: str
    version: int
    url: str
    mapping: Json
    sealed: str
    principal: UUID
    owner: UUID
    written_at: datetime
    request: UUID | None = None


class TicketState(StrEnum):
    DUE = "due"
    OPEN = "open"
    ANSWERED = "answered"
    CLOSED = "closed"

    @property
    def ended(self) -> bool:
        return self in {TicketState.ANSWERED, TicketState.CLOSED}


@dataclass(frozen=True)
class Ticket:
    """One level of one request, asked elsewhere about the content of `digest`; `key` is what it is called there.

    `claim` is of the attempt that has it now. Levels count from 0.
    """

    id: UUID
    approval: UUID
    level: int
    system: str
    digest: str
    created_at: datetime
    state: TicketState = TicketState.DUE
    key: str | None = None
    answer: Answer | None = None
    attempts: int = 0
    claim: UUID | None = None
    last_error: str | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True)
class Heard:
    """A message of a system that was taken."""

    system: str
    message: str
    ticket: UUID
    answer: Answer


class Outward(Protocol):
    """Destinations, approval systems and tickets of one tenant."""

    async def destination(self, name: str, *, lock: bool = False) -> Destination | None: ...
    async def destinations(self) -> list[Destination]:
        """By name."""
        ...

    async def put_destination(self, destination: Destination) -> None:
        """AlreadyExists where somebody else made the first version meanwhile."""
        ...

    async def remove_destination(self, name: str) -> None: ...
    async def told(self, name: str, error: str | None) -> None:
        """How the last attempt to reach it ended; None is well."""
        ...

    async def system(self, name: str, *, lock: bool = False) -> ApprovalSystem | None: ...
    async def systems(self) -> list[ApprovalSystem]:
        """By name."""
        ...

    async def put_system(self, system: ApprovalSystem) -> None:
        """AlreadyExists where somebody else made the first version meanwhile."""
        ...

    async def remove_system(self, name: str) -> None: ...
    async def open_ticket(self, ticket: Ticket) -> None:
        """One that is there already stays as it is."""
        ...

    async def ticket(self, ticket: UUID, *, lock: bool = False) -> Ticket | None: ...
    async def tickets_of(self, approval: UUID) -> list[Ticket]:
        """By level."""
        ...

    async def claim_ticket(self, ticket: UUID, claim: UUID) -> Ticket | None:
        """The ticket, one attempt further, if it is due or to be looked at and nobody else has it."""
        ...

    async def look_again(self, approval: UUID) -> None:
        """Tickets of a request that wait are due now, unless somebody has them; of their attempts one counts on."""
        ...

    async def save_ticket(self, ticket: Ticket, pause: timedelta = timedelta()) -> None:
        """Released by whoever claimed it, to be looked at again after `pause`."""
        ...

    async def heard(self, system: str, message: str) -> Heard | None: ...
    async def hear(self, message: Heard) -> bool:
        """False when it was taken before."""
        ...


@dataclass(frozen=True)
class Errand:
    """A ticket of one tenant that is due to be attended to; what shares a `lane` is held up by the same system."""

    tenant: UUID
    id: UUID
    lane: str


class Errands(Protocol):
    """Of every tenant, a share of each lane."""

    async def errands(self) -> list[Errand]: ...


class Unsigned(Unauthenticated):
    """Nothing proves who sent this answer, or it is older than five minutes."""

    kind = "answer-unsigned"


class Signatures(Protocol):
    """Standard Webhooks: an id, an instant and an HMAC over both and the body."""

    def sign(self, message: UUID, body: bytes, secret: Secret) -> dict[str, str]:
        """Headers; ValueError for a secret that is none."""
        ...

    def verify(self, headers: dict[str, str], body: bytes, secret: Secret) -> str:
        """The id of the message; Unsigned."""
        ...
