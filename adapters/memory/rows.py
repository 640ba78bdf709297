"""What one tenant has, as plain collections of frozen values; a copy of them is a transaction."""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from uuid import UUID

from application.ports.bundles import Sync
from application.ports.calendars import LegalEntity, StoredCalendar, StoredYear
from application.ports.closures import ClosureTemplate, RunLine
from application.ports.events import Line
from application.ports.flag_samples import StoredSampling
from application.ports.flag_usage import StoredScan
from application.ports.imports import ImportRecord, Progress, Upload
from application.ports.locks import StoredRule
from application.ports.modules import YearClosed
from application.ports.outward import ApprovalSystem, Destination, Heard, Ticket
from application.ports.periods import EntityBooks, ExceptionUse
from application.ports.records import (
    AuditRow,
    Check,
    Delegation,
    Group,
    Intent,
    Notice,
    Review,
    StoredFlag,
    TelemetrySample,
)
from application.ports.sealed_keys import SealedKey
from application.ports.settings import Rulebook, StoredDefinition, StoredEntry
from application.ports.store import KeyClaim
from application.ports.tenants import StoredLock, StoredTemplate
from domain.approvals import Approval, ApprovalPolicy, Comment, Vote
from domain.audit import Event
from domain.canonical import Json
from domain.changes import ChangeSet, Kind
from domain.closures import (
    Balance,
    Certificate,
    CheckResult,
    ClosureRun,
    ClosureTask,
    Control,
    Entry,
    Evidence,
    Item,
    Reopening,
)
from domain.closures.series import Series
from domain.commands import CommandRecord, CommandType
from domain.commands.batches import Batch
from domain.commands.breakers import Breaker, BreakerOperation
from domain.commands.bulk import Bulk, BulkActEntry, BulkItem
from domain.commands.dependencies import Dependence
from domain.commands.limits import Bucket
from domain.commands.operations import Operation
from domain.commands.progress import CommandProgress
from domain.commands.purging import PurgedCommand, TenantRetention
from domain.commands.repairs import Edit, Repair
from domain.environments import Environment
from domain.events import Delivery, Subscription
from domain.events import Event as Told
from domain.fences import Fence, RemoteModule
from domain.flags.lifecycle import Given
from domain.flags.references import Reference
from domain.flags.sampling import Sample
from domain.instances import Instance
from domain.locks import Claim, Freeze, Place
from domain.people import Principal
from domain.periods import GateKey, PeriodGate, PostingException, Scope
from domain.rollouts import Rollout, Transition
from domain.rollouts.parts import Part
from domain.sagas import ProcessType, Saga, SagaKey
from domain.sagas.operations import SagaOperation

Tick = Callable[[], datetime]
"""The clock of this moment, a little later at every call, as `clock_timestamp()` is."""


@dataclass(frozen=True)
class FlagSetHead:
    revision: int = 0
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True)
class NoticeRow:
    notice: Notice
    last_error: str | None = None


@dataclass(frozen=True)
class KeyRow:
    claim: KeyClaim
    claimed_at: datetime


@dataclass(frozen=True)
class EventRow:
    event: Told
    written_at: datetime
    told_at: datetime | None = None


@dataclass(frozen=True)
class TicketRow:
    ticket: Ticket
    not_before: datetime


@dataclass(frozen=True)
class UploadRow:
    upload: Upload
    pieces: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class ModuleRow:
    """What a module says of an entity in a period, by both; `closed` has whose token closed a year, and who asked.

    `posted` are entries in their order, each with what the module calls it.
    """

    scope: str
    controls: dict[tuple[str, UUID], Control] = field(default_factory=dict)
    unposted: dict[tuple[str, UUID], tuple[Item, ...]] = field(default_factory=dict)
    untransferred: dict[tuple[str, UUID], tuple[Item, ...]] = field(default_factory=dict)
    balances: dict[tuple[str, UUID], tuple[Balance, ...]] = field(default_factory=dict)
    posted: dict[tuple[str, UUID], tuple[tuple[str, Entry], ...]] = field(default_factory=dict)
    closings: dict[tuple[str, UUID], YearClosed] = field(default_factory=dict)
    closed: dict[tuple[str, UUID], tuple[UUID, UUID]] = field(default_factory=dict)


@dataclass
class Catalogue:
    """What handlers take, the same for every tenant; until `listened` each send is announced.

    `buckets` and `breakers` are those that all tenants share; `depending` says of each type on what it depends.
    """

    types: dict[tuple[str, int], CommandType] = field(default_factory=dict)
    processes: dict[tuple[str, int], ProcessType] = field(default_factory=dict)
    listened: datetime | None = None
    buckets: dict[str, Bucket] = field(default_factory=dict)
    breakers: dict[str, Breaker] = field(default_factory=dict)
    depending: dict[str, Dependence] = field(default_factory=dict)


@dataclass(frozen=True)
class ParkedNote:
    """Since when a command is parked, and who looks at it, also when it is parked again."""

    at: datetime | None = None
    assignee: UUID | None = None
    snoozed_until: datetime | None = None


@dataclass
class Rows:
    """The rows of one tenant by their keys; every value is frozen, so copying the collections copies everything."""

    principals: dict[UUID, Principal] = field(default_factory=dict)
    delegations: list[Delegation] = field(default_factory=list)
    groups: dict[str, Group] = field(default_factory=dict)
    sets: dict[Environment, FlagSetHead] = field(default_factory=dict)
    flags: dict[tuple[Environment, str], StoredFlag] = field(default_factory=dict)
    versions: dict[tuple[Environment, str, int], StoredFlag] = field(default_factory=dict)
    flag_usage: dict[tuple[Environment, str, datetime, str, str], int] = field(default_factory=dict)
    flag_given: dict[tuple[Environment, str, str], Given] = field(default_factory=dict)
    flag_scans: dict[tuple[Environment, str], tuple[StoredScan, tuple[Reference, ...]]] = field(default_factory=dict)
    flag_samplings: dict[Environment, StoredSampling] = field(default_factory=dict)
    flag_samples: dict[tuple[Environment, bytes], tuple[Sample, datetime]] = field(default_factory=dict)
    epochs: dict[Environment, int] = field(default_factory=dict)
    setting_definitions: dict[str, tuple[StoredDefinition, ...]] = field(default_factory=dict)
    rulebooks: list[Rulebook] = field(default_factory=list)
    entries: dict[tuple[Environment, str, str, int], StoredEntry] = field(default_factory=dict)
    touched: list[str | tuple[Environment, str, str, int]] = field(default_factory=list)
    sealed_keys: dict[str, SealedKey] = field(default_factory=dict)
    policies: dict[tuple[Environment, Kind], tuple[ApprovalPolicy, ...]] = field(default_factory=dict)
    changes: dict[UUID, ChangeSet] = field(default_factory=dict)
    approvals: dict[UUID, Approval] = field(default_factory=dict)
    votes: dict[UUID, tuple[Vote, ...]] = field(default_factory=dict)
    comments: dict[UUID, Comment] = field(default_factory=dict)
    rollouts: dict[UUID, Rollout] = field(default_factory=dict)
    parts: dict[tuple[UUID, int], Part] = field(default_factory=dict)
    transitions: dict[UUID, tuple[Transition, ...]] = field(default_factory=dict)
    target_locks: dict[tuple[UUID, Place], Claim] = field(default_factory=dict)
    lock_token: int = 0
    freezes: dict[UUID, Freeze] = field(default_factory=dict)
    release_rules: dict[tuple[str, str, int], StoredRule] = field(default_factory=dict)
    checks: dict[tuple[UUID, int], Check] = field(default_factory=dict)
    intents: dict[UUID, Intent] = field(default_factory=dict)
    notices: dict[UUID, NoticeRow] = field(default_factory=dict)
    batches: set[tuple[UUID, str]] = field(default_factory=set)
    samples: list[TelemetrySample] = field(default_factory=list)
    reviews: dict[UUID, Review] = field(default_factory=dict)
    keys: dict[tuple[UUID, str], KeyRow] = field(default_factory=dict)
    tenant_requests: set[UUID] = field(default_factory=set)
    children: int = 0
    templates: dict[tuple[str, int], StoredTemplate] = field(default_factory=dict)
    locks: dict[tuple[Environment, str, int], StoredLock] = field(default_factory=dict)
    events: list[tuple[Event, AuditRow]] = field(default_factory=list)
    told: dict[UUID, EventRow] = field(default_factory=dict)
    line: Line = field(default_factory=Line)
    webhooks: dict[UUID, Subscription] = field(default_factory=dict)
    deliveries: dict[UUID, Delivery] = field(default_factory=dict)

    uploads: dict[UUID, UploadRow] = field(default_factory=dict)
    destinations: dict[str, Destination] = field(default_factory=dict)
    approval_systems: dict[str, ApprovalSystem] = field(default_factory=dict)
    tickets: dict[UUID, TicketRow] = field(default_factory=dict)
    heard: dict[tuple[str, str], Heard] = field(default_factory=dict)
    imports: dict[UUID, ImportRecord] = field(default_factory=dict)
    progress: dict[UUID, Progress] = field(default_factory=dict)
    syncs: list[Sync] = field(default_factory=list)
    instances: dict[tuple[Environment, str], Instance] = field(default_factory=dict)
    entities: dict[str, LegalEntity] = field(default_factory=dict)
    calendars: dict[tuple[UUID, int], StoredCalendar] = field(default_factory=dict)
    fiscal_years: dict[UUID, StoredYear] = field(default_factory=dict)
    books: dict[str, EntityBooks] = field(default_factory=dict)
    books_written: dict[tuple[str, int], EntityBooks] = field(default_factory=dict)
    scopes: dict[str, Scope] = field(default_factory=dict)
    gates: dict[GateKey, PeriodGate] = field(default_factory=dict)
    gate_history: list[PeriodGate] = field(default_factory=list)
    posting_exceptions: dict[UUID, PostingException] = field(default_factory=dict)
    exception_uses: list[ExceptionUse] = field(default_factory=list)
    run_tokens: dict[UUID, frozenset[GateKey]] = field(default_factory=dict)
    modules: dict[str, ModuleRow] = field(default_factory=dict)
    closures: dict[UUID, ClosureRun] = field(default_factory=dict)
    closures_started: set[UUID] = field(default_factory=set)
    closure_lines: dict[UUID, tuple[RunLine, ...]] = field(default_factory=dict)
    closure_tasks: dict[UUID, tuple[ClosureTask, ...]] = field(default_factory=dict)
    closure_revisions: dict[UUID, int] = field(default_factory=dict)
    closure_results: dict[UUID, tuple[CheckResult, ...]] = field(default_factory=dict)
    certificates: dict[tuple[str, UUID], tuple[tuple[UUID, Certificate], ...]] = field(default_factory=dict)
    closure_templates: dict[str, tuple[ClosureTemplate, ...]] = field(default_factory=dict)
    closure_evidence: dict[UUID, tuple[Evidence, bytes]] = field(default_factory=dict)
    reopenings: dict[UUID, Reopening] = field(default_factory=dict)
    reopenings_started: set[UUID] = field(default_factory=set)
    reopened_gates: dict[GateKey, tuple[UUID, datetime]] = field(default_factory=dict)
    window_entries: dict[UUID, int] = field(default_factory=dict)
    series: dict[UUID, Series] = field(default_factory=dict)
    series_started: set[UUID] = field(default_factory=set)
    series_changed: dict[UUID, datetime] = field(default_factory=dict)
    moved_books: set[UUID] = field(default_factory=set)
    remote_modules: dict[str, RemoteModule] = field(default_factory=dict)
    fences: dict[UUID, Fence] = field(default_factory=dict)
    commands: dict[tuple[str, str], CommandRecord] = field(default_factory=dict)
    command_leases: dict[UUID, tuple[str, datetime]] = field(default_factory=dict)
    purged_commands: dict[tuple[str, str], PurgedCommand] = field(default_factory=dict)
    command_retention: dict[str, TenantRetention] = field(default_factory=dict)
    parked_notes: dict[tuple[str, str], ParkedNote] = field(default_factory=dict)
    command_operations: dict[UUID, Operation] = field(default_factory=dict)
    sagas: dict[SagaKey, Saga] = field(default_factory=dict)
    sagas_changed: dict[SagaKey, datetime] = field(default_factory=dict)
    sagas_told: dict[SagaKey, tuple[int | None, datetime]] = field(default_factory=dict)
    saga_operations: dict[UUID, SagaOperation] = field(default_factory=dict)
    command_repairs: dict[UUID, Repair] = field(default_factory=dict)
    command_edits: dict[tuple[str, str, int], Edit] = field(default_factory=dict)
    bulks: dict[UUID, Bulk] = field(default_factory=dict)
    bulk_items: dict[tuple[UUID, int], BulkItem] = field(default_factory=dict)
    bulk_acts: dict[UUID, BulkActEntry] = field(default_factory=dict)
    bulks_started: set[UUID] = field(default_factory=set)
    bulks_changed: dict[UUID, datetime] = field(default_factory=dict)
    command_progress: dict[tuple[str, str], CommandProgress] = field(default_factory=dict)
    command_buckets: dict[str, Bucket] = field(default_factory=dict)
    command_breakers: dict[str, Breaker] = field(default_factory=dict)
    breaker_operations: dict[UUID, BreakerOperation] = field(default_factory=dict)
    command_batches: dict[str, Batch] = field(default_factory=dict)
    command_batches_parked: set[tuple[str, tuple[str, str]]] = field(default_factory=set)

    def copied(self) -> "Rows":
        return Rows(**{each.name: copy.copy(getattr(self, each.name)) for each in fields(self)})


def as_stored(value: Json) -> Json:
    """What a trip through JSON makes of `value`: nobody shares it, and tuples are lists."""
    return json.loads(json.dumps(value))


MOMENT = timedelta(microseconds=1)
