"""The database in memory: a transaction works on a copy, and the copy becomes the truth or is forgotten."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

from adapters.memory.approvals import MemoryApprovals
from adapters.memory.audit import MemoryAuditTrail
from adapters.memory.books import MemoryBooks
from adapters.memory.bundles import MemoryBundles
from adapters.memory.calendars import MemoryCalendars, MemoryEntities
from adapters.memory.changes import MemoryChanges, MemoryPolicies
from adapters.memory.closure_series import MemoryClosureSeries, waiting_series
from adapters.memory.closures import MemoryClosurePapers, MemoryClosures
from adapters.memory.command_bulks import waiting_bulks
from adapters.memory.command_lanes import MemoryCommandLanes
from adapters.memory.commands import MemoryCommands
from adapters.memory.deployments import MemoryDeployments
from adapters.memory.events import MemoryEvents, work_of
from adapters.memory.fences import MemoryFences
from adapters.memory.flag_samples import MemoryFlagSamples, has_old_samples
from adapters.memory.flag_usage import MemoryFlagReferences, MemoryFlagUsage
from adapters.memory.flags import MemoryFlags
from adapters.memory.imports import MemoryImports, MemoryUploads
from adapters.memory.instances import MemoryInstances
from adapters.memory.locks import MemoryFreezes, MemoryReleaseRules, MemoryTargetLocks, turns_of
from adapters.memory.modules import MemoryModules
from adapters.memory.open_periods import open_in
from adapters.memory.openings import openings_of
from adapters.memory.outbox import MemoryIdempotency, MemoryIntents, MemoryNotices
from adapters.memory.outward import MemoryOutward, errands_of
from adapters.memory.parts import MemoryParts
from adapters.memory.people import MemoryPeople
from adapters.memory.periods import MemoryPeriods
from adapters.memory.reopenings import MemoryReopenings, used_up
from adapters.memory.reviews import MemoryGroups, MemoryReviews, overdue, unheard
from adapters.memory.rollouts import MemoryEvidence, MemoryRollouts
from adapters.memory.rows import MOMENT, Catalogue, Rows, Tick
from adapters.memory.sagas import MemorySagas, waiting_in
from adapters.memory.sealed_keys import MemorySealedKeys
from adapters.memory.settings import MemorySettings
from adapters.memory.telemetry import MemoryTelemetry
from adapters.memory.tenant_papers import MemoryTenantLocks, MemoryTenantTemplates
from adapters.memory.tenants import MemoryTenancies, Stage
from adapters.memory.webhooks import MemoryWebhooks
from application.ports.events import Work
from application.ports.locks import Turn
from application.ports.moved_books import MovedBooks
from application.ports.outward import Errand
from application.ports.records import Tenant, Waiting, WaitingKind
from application.ports.recovery import OpenPeriod, OpenRepair, OpenRollout
from application.ports.saga_lanes import WaitingSaga
from application.ports.sealed_keys import KeyUse
from domain.closures import ReopeningState
from domain.errors import AlreadyExists, Unavailable
from domain.rollouts import State
from domain.sagas import ProcessType
from domain.tenants import Status, Tenancy, TenantNameTaken

_GRACE = timedelta(seconds=2)
"""A rollout younger than this is being started by whoever submitted it."""
_RUNS = {State.RUNNING, State.PAUSED, State.BAKING}


class MemoryTransaction:
    """Every repository on one copy of one tenant's rows."""

    def __init__(self, stage: Stage, tenant: UUID, now: datetime, tick: Tick) -> None:
        rows = stage.rows_of(tenant)
        self._stage, self._tick = stage, tick
        self.tenants = MemoryTenancies(stage, tenant)
        self.tenant_templates, self.tenant_locks = MemoryTenantTemplates(rows), MemoryTenantLocks(rows)
        self.tenant, self.now = tenant, now
        self.people, self.groups = MemoryPeople(rows, tick), MemoryGroups(rows)
        self.flags = MemoryFlags(rows)
        self.flag_usage, self.flag_references, self.flag_samples = (
            MemoryFlagUsage(rows),
            MemoryFlagReferences(rows),
            MemoryFlagSamples(rows, now),
        )
        self.settings, self.sealed_keys = MemorySettings(rows, tick), MemorySealedKeys(rows)
        self.changes = MemoryChanges(rows)
        self.policies, self.approvals = MemoryPolicies(rows), MemoryApprovals(rows, tick)
        self.rollouts, self.evidence = MemoryRollouts(rows), MemoryEvidence(rows)
        self.parts = MemoryParts(stage, tenant, tick)
        self.target_locks = MemoryTargetLocks(stage, tenant)
        self.freezes, self.release_rules = MemoryFreezes(stage, tenant), MemoryReleaseRules(stage, tenant)
        self.audit = MemoryAuditTrail(rows, tick)
        self.events = MemoryEvents(rows, tick)
        self.webhooks = MemoryWebhooks(rows, now, tick)
        self.intents = MemoryIntents(rows)
        self.notices = MemoryNotices(rows, now)
        self.outward = MemoryOutward(rows, now, tick)
        self.telemetry = MemoryTelemetry(rows, stage, tenant)
        self.reviews = MemoryReviews(rows, now)
        self.bundles, self.uploads, self.imports = MemoryBundles(rows, tick), MemoryUploads(rows), MemoryImports(rows)
        self.instances, self.deployments = MemoryInstances(rows, stage, tenant), MemoryDeployments(rows, tenant)
        self.books, self.periods = MemoryBooks(rows), MemoryPeriods(rows, now, tick)
        self.entities, self.calendars, self.modules = (
            MemoryEntities(rows),
            MemoryCalendars(rows),
            MemoryModules(rows),
        )
        self.closures, self.closure_papers, self.closure_series, self.reopenings = (
            MemoryClosures(rows),
            MemoryClosurePapers(rows, tick),
            MemoryClosureSeries(rows, tick),
            MemoryReopenings(rows),
        )
        self.fences, self.idempotency = MemoryFences(rows), MemoryIdempotency(rows, now)
        self.commands, self.sagas = (
            MemoryCommands(rows, stage.catalogue, now, stage.everybodys, lambda: stage.closed(tenant)),
            MemorySagas(rows, stage.catalogue, tick),
        )

    @asynccontextmanager
    async def within(self, tenant: UUID) -> AsyncIterator["MemoryTransaction"]:
        self.tenants.sees(tenant)
        yield self.beside(tenant)

    def beside(self, tenant: UUID) -> "MemoryTransaction":
        return MemoryTransaction(self._stage, tenant, self.now, self._tick)


class MemoryStore(MemoryCommandLanes):
    """Answers `application.ports.store.Store` within one process; while `down` nothing can be read or written.

    One transaction runs at a time, so none may be opened inside another.
    """

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.down = False
        self._clock = clock
        self._alone = asyncio.Lock()
        self._tenants: dict[UUID, Tenancy] = {}
        self._rows: dict[UUID, Rows] = {}
        self._last = datetime.min.replace(tzinfo=UTC)
        self.catalogue = Catalogue()

    @asynccontextmanager
    async def transaction(self, tenant: UUID) -> AsyncIterator[MemoryTransaction]:
        async with self._alone:
            await self.ping()
            stage = Stage(dict(self._tenants), self._rows, catalogue=self.catalogue)
            yield MemoryTransaction(stage, tenant, self._clock(), self._tick)
            await self.ping()
            self._rows.update(stage.changed())
            self._tenants = stage.tenancies

    async def create_tenant(self, tenant: Tenant) -> None:
        await self.ping()
        if tenant.id in self._tenants:
            raise AlreadyExists
        if await self.tenant(tenant.slug) is not None:
            raise TenantNameTaken
        self._tenants[tenant.id] = Tenancy(tenant.id, tenant.slug, tenant.name, self._clock())
        self._rows[tenant.id] = Rows()

    async def tenant(self, slug: str) -> Tenant | None:
        await self.ping()
        return next((_tenant(each) for each in self._tenants.values() if each.slug == slug), None)

    async def home(self, tenant: UUID) -> Tenant:
        await self.ping()
        return _tenant(self._tenants[tenant])

    async def memberships(self, issuer: str, subject: str) -> list[tuple[Tenant, UUID]]:
        await self.ping()
        stage = Stage(self._tenants, self._rows)
        found = [
            (_tenant(self._tenants[tenant], stage.standing(tenant)), person.id)
            for tenant, rows in self._rows.items()
            for person in rows.principals.values()
            if (person.issuer, person.subject) == (issuer, subject) and stage.standing(tenant) is not Status.DELETED
        ]
        return sorted(found, key=lambda place: place[0].slug)

    async def waiting(self) -> list[Waiting]:
        await self.ping()
        now = self._clock()
        return [waiting for tenant, rows in self._rows.items() for waiting in _waiting(tenant, rows, now)]

    async def open_rollouts(self) -> list[OpenRollout]:
        await self.ping()
        places = [(tenant, each) for tenant, rows in self._rows.items() for each in rows.rollouts.values()]
        return [OpenRollout(tenant, each.id) for tenant, each in places if each.started and not each.terminal]

    async def open_periods(self) -> list[OpenPeriod]:
        await self.ping()
        return [each for tenant, rows in self._rows.items() for each in open_in(tenant, rows)]

    async def open_command_repairs(self) -> list[OpenRepair]:
        await self.ping()
        found = [(tenant, each) for tenant, rows in self._rows.items() for each in rows.command_repairs.values()]
        since = self._clock() - timedelta(seconds=2)
        return [OpenRepair(tenant, each.id) for tenant, each in found if not each.over and each.asked_at < since]

    async def moved_books(self) -> list[MovedBooks]:
        await self.ping()
        return [MovedBooks(tenant, run, "") for tenant, rows in self._rows.items() for run in rows.moved_books]

    async def moved_books_told(self, moved: MovedBooks) -> None:
        await self.ping()
        self._rows[moved.tenant].moved_books.discard(moved.run)

    async def turns(self) -> list[Turn]:
        await self.ping()
        return [turn for tenant, rows in self._rows.items() for turn in turns_of(tenant, rows)]

    async def due_openings(self) -> list[tuple[UUID, str, str]]:
        await self.ping()
        now = self._clock()
        return [(tenant, *each) for tenant, rows in self._rows.items() for each in openings_of(rows, now)]

    async def sealed_keys(self) -> list[KeyUse]:
        await self.ping()
        found = [
            KeyUse(tenant, kek, count)
            for tenant, rows in self._rows.items()
            for kek, count in Counter(each.wrapped.kek for each in rows.sealed_keys.values()).items()
        ]
        return sorted(found, key=lambda each: (each.tenant, each.kek))

    async def event_work(self, keep: timedelta) -> list[Work]:
        await self.ping()
        now = self._clock()
        return [work for tenant, rows in self._rows.items() for work in work_of(tenant, rows, now, keep)]

    async def errands(self) -> list[Errand]:
        await self.ping()
        now = self._clock()
        return [errand for tenant, rows in self._rows.items() for errand in errands_of(tenant, rows, now)]

    async def overdue_reviews(self) -> list[tuple[UUID, UUID]]:
        await self.ping()
        now = self._clock()
        return [each for tenant, rows in self._rows.items() for each in overdue(tenant, rows, now)]

    async def unheard_emergencies(self) -> list[UUID]:
        await self.ping()
        return [each for rows in self._rows.values() for each in unheard(rows)]

    async def tenants_of_old_samples(self, before: datetime) -> list[UUID]:
        await self.ping()
        return [tenant for tenant, rows in self._rows.items() if has_old_samples(rows, before)]

    async def put_process_types(self, types: Sequence[ProcessType]) -> None:
        await self.ping()
        self.catalogue.processes.update({(each.type, each.schema_version): each for each in types})

    async def waiting_sagas(self) -> list[WaitingSaga]:
        await self.ping()
        now = self._clock()
        found = [(tenant, each) for tenant, rows in self._rows.items() for each in waiting_in(rows, now)]
        return [WaitingSaga(tenant, each.key, each.version) for tenant, each in found]

    def closed(self, tenant: UUID) -> bool:
        return Stage(self._tenants, self._rows).closed(tenant)

    async def ping(self) -> None:
        if self.down:
            raise Unavailable

    def _tick(self) -> datetime:
        self._last = max(self._clock(), self._last + MOMENT)
        return self._last


def _tenant(tenancy: Tenancy, standing: Status = Status.ACTIVE) -> Tenant:
    return Tenant(tenancy.id, tenancy.slug, tenancy.name, standing is Status.SUSPENDED)


def _waiting(tenant: UUID, rows: Rows, now: datetime) -> list[Waiting]:
    unstarted = [r.id for r in rows.rollouts.values() if not r.started and r.created_at < now - _GRACE]
    killed = [r.id for r in rows.rollouts.values() if r.state in _RUNS and _written_since(rows, r.id)]
    imports = [i.id for i in rows.imports.values() if not (i.started or i.state.ended) and i.created_at < now - _GRACE]
    closes = (c for c in rows.closures.values() if not c.over and c.id not in rows.closures_started)
    closures = [close.id for close in closes if close.opened_at < now - _GRACE]
    unheard = (r for r in rows.reopenings.values() if not r.over and r.id not in rows.reopenings_started)
    spent = [r.id for r in rows.reopenings.values() if r.state is ReopeningState.OPEN and used_up(rows, r.id)]
    reopenings = [*{*(r.id for r in unheard if r.asked_at < now - _GRACE), *spent}]
    kinds = (
        (WaitingKind.ROLLOUT, unstarted),
        (WaitingKind.KILLED, killed),
        (WaitingKind.IMPORT, imports),
        (WaitingKind.CLOSURE, closures),
        (WaitingKind.REOPENING, reopenings),
        (WaitingKind.SERIES, waiting_series(rows, now, _GRACE)),
        (WaitingKind.BULK, waiting_bulks(rows, now, _GRACE)),
    )
    return [Waiting(kind, tenant, each) for kind, found in kinds for each in found]


def _written_since(rows: Rows, rollout: UUID) -> bool:
    found = rows.rollouts[rollout]
    flag = rows.flags.get((found.environment, found.key))
    return flag is not None and flag.version > found.live_version
