"""Rows that have no rule of their own, as the core sees them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID, uuid5

from domain.canonical import Json
from domain.environments import Environment
from domain.gates import Verdict


@dataclass(frozen=True)
class Tenant:
    """`suspended`: its people may read and change nothing."""

    id: UUID
    slug: str
    name: str
    suspended: bool = False


@dataclass(frozen=True)
class StoredFlag:
    """One version of a flag; `origin` says what wrote it (`api`, `rollout:<id>:stage:10`, `kill`, ...).

    `request` is the keyed request that asked for it: asked again, it is answered with this version.
    """

    environment: Environment
    key: str
    version: int
    definition: Json
    origin: str
    written_by: UUID | None
    written_at: datetime
    request: UUID | None = None


@dataclass(frozen=True)
class FlagSetRecord:
    """Everything one environment of one tenant serves, at one revision."""

    revision: int
    bucketing: str
    metadata: Json
    evaluators: Json
    flags: dict[str, Json]


@dataclass(frozen=True)
class Check:
    """One judgement of a gate: `record` holds inputs, parameters and evidence, `state` what the next check needs."""

    rollout: UUID
    number: int
    stage: int
    verdict: Verdict
    sentence: str
    record: Json
    state: Json
    judged_at: datetime


@dataclass(frozen=True)
class Intent:
    """What a person asked for; the free text stays here and never enters a workflow. It takes effect once."""

    id: UUID
    actor: UUID
    verb: str
    subject: UUID
    body: Json
    expires_at: datetime
    done: bool = False


class NoticeState(StrEnum):
    DUE = "due"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True)
class Notice:
    """A message for one recipient; `facts` fill the template and hold no free text of people.

    Without a recipient it is for `destination`, and there for the address whose digest is `place`, or for every one
    that wants it.
    """

    id: UUID
    template: str
    recipient: UUID | None
    facts: dict[str, str]
    link: str
    created_at: datetime
    state: NoticeState = NoticeState.DUE
    attempts: int = 0
    destination: str | None = None
    place: str | None = None


@dataclass(frozen=True)
class NoticeProgress:
    """How far its command has brought a message; `attempts` since a person last retried it."""

    notice: UUID
    state: NoticeState
    attempts: int
    last_error: str | None


class ReviewCause(StrEnum):
    KILL_SWITCH = "kill-switch"
    EMERGENCY = "emergency"


@dataclass(frozen=True)
class Review:
    """A look after the fact that somebody owes, by `due_at`; `rollout` is what was stopped, if anything was.

    An emergency has an `incident` and the `change` that went past its approval. `finding` is what another person saw.
    """

    id: UUID
    environment: Environment
    key: str
    opened_by: UUID
    reason: str
    opened_at: datetime
    due_at: datetime
    closed_at: datetime | None = None
    rollout: UUID | None = None
    cause: ReviewCause = ReviewCause.KILL_SWITCH
    change: UUID | None = None
    incident: str | None = None
    finding: str | None = None
    closed_by: UUID | None = None
    escalated_at: datetime | None = None

    def overdue(self, now: datetime) -> bool:
        return self.closed_at is None and self.due_at <= now


@dataclass(frozen=True)
class TelemetrySample:
    """Counts of one variant in one window: `buckets` are non-cumulative (upper bound in seconds, count)."""

    environment: Environment
    key: str
    variant: str
    window_end: datetime
    requests: int
    errors: int
    buckets: tuple[tuple[float, int], ...] = ()


@dataclass(frozen=True)
class TelemetryBatch:
    source: UUID
    id: str
    samples: tuple[TelemetrySample, ...]


@dataclass(frozen=True)
class AuditFilter:
    """Every field narrows; None does not."""

    action: str | None = None
    actor: UUID | None = None
    resource_type: str | None = None
    resource: str | None = None
    change: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class AuditRow:
    id: UUID
    recorded_at: datetime
    event: Json
    leaf: bytes


class WaitingKind(StrEnum):
    ROLLOUT = "rollout"
    KILLED = "killed"
    IMPORT = "import"
    CLOSURE = "closure"
    REOPENING = "reopening"
    SERIES = "series"
    BULK = "bulk"


@dataclass(frozen=True)
class Waiting:
    """A row that somebody must still act on: start its workflow, send it, or tell a workflow of a kill."""

    kind: WaitingKind
    tenant: UUID
    id: UUID


@dataclass(frozen=True)
class Delegation:
    """`taker` may vote for `giver` from `starts` until `ends`, or until it was asked back."""

    giver: UUID
    taker: UUID
    starts: datetime
    ends: datetime
    revoked_at: datetime | None = None

    @property
    def id(self) -> UUID:
        span = (each.astimezone(UTC).isoformat() for each in (self.starts, self.ends))
        return uuid5(self.giver, "/".join((str(self.taker), *span)))

    def holds(self, at: datetime) -> bool:
        return self.starts <= at < self.ends and self.revoked_at is None


@dataclass(frozen=True)
class Group:
    """People who are asked under one name; version 0 is one that nobody has made."""

    name: str
    members: tuple[UUID, ...]
    version: int
