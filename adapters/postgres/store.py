"""The database as the core sees it: one transaction, one tenant."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from adapters.postgres import moved_books, open_periods, purged_commands
from adapters.postgres import tables as t
from adapters.postgres.approvals import PostgresApprovals, PostgresPolicies
from adapters.postgres.audit import PostgresAuditTrail
from adapters.postgres.books import PostgresBooks
from adapters.postgres.bundles import PostgresBundles
from adapters.postgres.calendars import PostgresCalendars
from adapters.postgres.changes import PostgresChanges
from adapters.postgres.closure_papers import PostgresClosurePapers
from adapters.postgres.closure_series import PostgresClosureSeries
from adapters.postgres.closures import PostgresClosures
from adapters.postgres.command_counts import counted
from adapters.postgres.commands import PostgresCommands, due, due_alone, ended, listen, put_types
from adapters.postgres.deployments import PostgresDeployments
from adapters.postgres.engine import sessions
from adapters.postgres.entities import PostgresEntities
from adapters.postgres.errors import translated
from adapters.postgres.events import PostgresEvents
from adapters.postgres.fences import PostgresFences
from adapters.postgres.flag_references import PostgresFlagReferences
from adapters.postgres.flag_samples import PostgresFlagSamples, tenants_of_old_samples
from adapters.postgres.flag_usage import PostgresFlagUsage
from adapters.postgres.flags import PostgresFlags
from adapters.postgres.groups import PostgresGroups
from adapters.postgres.imports import PostgresImports, PostgresUploads
from adapters.postgres.instances import PostgresInstances
from adapters.postgres.keys import PostgresIdempotency, PostgresIntents
from adapters.postgres.later import Later
from adapters.postgres.locks import PostgresTargetLocks
from adapters.postgres.modules import PostgresModules
from adapters.postgres.notices import PostgresNotices
from adapters.postgres.outward import PostgresOutward
from adapters.postgres.parts import PostgresParts
from adapters.postgres.people import PostgresPeople
from adapters.postgres.periods import PostgresPeriods
from adapters.postgres.release_rules import PostgresFreezes, PostgresReleaseRules
from adapters.postgres.reopenings import PostgresReopenings
from adapters.postgres.reviews import PostgresReviews, overdue, unheard
from adapters.postgres.rollouts import PostgresEvidence, PostgresRollouts
from adapters.postgres.sagas import PostgresSagas, put_process_types, waiting_sagas
from adapters.postgres.sealed_keys import PostgresSealedKeys
from adapters.postgres.settings import PostgresSettings
from adapters.postgres.telemetry import PostgresTelemetry
from adapters.postgres.tenant_papers import PostgresTenantLocks, PostgresTenantTemplates
from adapters.postgres.tenants import PostgresTenancies, bound
from adapters.postgres.webhooks import PostgresWebhooks
from application.ports.command_counts import CommandCount
from application.ports.events import Work, WorkKind
from application.ports.locks import Turn, TurnKind
from application.ports.moved_books import MovedBooks
from application.ports.outward import Errand
from application.ports.records import Tenant, Waiting, WaitingKind
from application.ports.recovery import OpenPeriod, OpenRepair, OpenRollout
from application.ports.saga_lanes import WaitingSaga
from application.ports.sealed_keys import KeyUse
from domain.commands import CommandType
from domain.environments import Environment
from domain.sagas import ProcessType


class PostgresTransaction:
    """Every repository on one session."""

    def __init__(self, session: AsyncSession, tenant: UUID, now: datetime, later: Later | None = None) -> None:
        """Within another transaction, what is told `later` is written when that one ends."""
        self.tenant, self.now = tenant, now
        self.later = later or Later(session, tenant)
        self._session = session
        self.tenants = PostgresTenancies(session, tenant)
        self.tenant_templates, self.tenant_locks = (
            PostgresTenantTemplates(session, tenant),
            PostgresTenantLocks(session, tenant),
        )
        self.people, self.groups = PostgresPeople(session, tenant), PostgresGroups(session, tenant)
        self.flags = PostgresFlags(session, tenant)
        self.flag_usage, self.flag_references, self.flag_samples = (
            PostgresFlagUsage(session),
            PostgresFlagReferences(session, tenant),
            PostgresFlagSamples(session, tenant, now),
        )
        self.settings, self.sealed_keys = PostgresSettings(session, tenant), PostgresSealedKeys(session, tenant)
        self.changes = PostgresChanges(session, tenant)
        self.policies, self.approvals = PostgresPolicies(session, tenant), PostgresApprovals(session, tenant)
        self.rollouts, self.evidence = PostgresRollouts(session, tenant), PostgresEvidence(session, tenant)
        self.parts = PostgresParts(session, tenant)
        self.target_locks = PostgresTargetLocks(session, tenant)
        self.freezes, self.release_rules = PostgresFreezes(session, tenant), PostgresReleaseRules(session, tenant)
        self.audit = PostgresAuditTrail(session, tenant, later)
        self.events = PostgresEvents(session, tenant, later)
        self.webhooks = PostgresWebhooks(session, tenant)
        self.intents, self.notices = PostgresIntents(session, tenant), PostgresNotices(session, tenant)
        self.outward = PostgresOutward(session, tenant)
        self.telemetry, self.reviews = PostgresTelemetry(session, tenant), PostgresReviews(session, tenant)
        self.bundles = PostgresBundles(session, tenant)
        self.uploads, self.imports = PostgresUploads(session, tenant), PostgresImports(session, tenant)
        self.instances, self.deployments = PostgresInstances(session, tenant), PostgresDeployments(session, tenant)
        self.books, self.periods = PostgresBooks(session, tenant), PostgresPeriods(session, tenant)
        self.entities, self.calendars, self.modules = (
            PostgresEntities(session, tenant),
            PostgresCalendars(session, tenant),
            PostgresModules(session, tenant),
        )
        self.closures, self.closure_papers, self.closure_series, self.reopenings = (
            PostgresClosures(session, tenant),
            PostgresClosurePapers(session, tenant),
            PostgresClosureSeries(session, tenant),
            PostgresReopenings(session, tenant),
        )
        self.fences, self.idempotency = PostgresFences(session, tenant), PostgresIdempotency(session, tenant)
        self.commands, self.sagas = PostgresCommands(session, tenant), PostgresSagas(session, tenant)

    @asynccontextmanager
    async def within(self, tenant: UUID) -> AsyncIterator["PostgresTransaction"]:
        async with bound(self._session, self.tenant, tenant):
            yield PostgresTransaction(self._session, tenant, self.now, self.later)

    def beside(self, tenant: UUID) -> "PostgresTransaction":
        written = PostgresTransaction(self._session, tenant, self.now, self.later)
        written.settings = PostgresSettings(self._session, tenant, self.later)
        return written


class PostgresStore:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._sessions = sessions(engine)

    @asynccontextmanager
    async def transaction(self, tenant: UUID) -> AsyncIterator[PostgresTransaction]:
        async with self._session(tenant) as session:
            opened = PostgresTransaction(session, tenant, session.info["now"])
            yield opened
            await opened.later.write()

    async def create_tenant(self, tenant: Tenant) -> None:
        """The tenant, with an empty flag set and room for settings in each environment."""
        async with self._session(tenant.id) as session:
            await session.execute(insert(t.tenant).values(tenant_id=tenant.id, slug=tenant.slug, name=tenant.name))
            rows = [{"tenant_id": tenant.id, "environment": environment, "revision": 0} for environment in Environment]
            await session.execute(insert(t.flag_set), rows)
            spaces = [{"tenant_id": tenant.id, "environment": environment} for environment in Environment]
            await session.execute(insert(t.setting_space), spaces)

    async def tenant(self, slug: str) -> Tenant | None:
        async with self._session(None) as session:
            row = (await session.execute(text("SELECT * FROM find_tenant(:slug)"), {"slug": slug})).one_or_none()
            return Tenant(row.tenant_id, row.slug, row.name) if row else None

    async def home(self, tenant: UUID) -> Tenant:
        async with self._session(tenant) as session:
            row = (await session.execute(select(t.tenant).where(t.tenant.c.tenant_id == tenant))).one()
            return Tenant(row.tenant_id, row.slug, row.name)

    async def memberships(self, issuer: str, subject: str) -> list[tuple[Tenant, UUID]]:
        async with self._session(None) as session:
            rows = await session.execute(
                text("SELECT * FROM find_memberships(:issuer, :subject)"), {"issuer": issuer, "subject": subject}
            )
            return [
                (Tenant(row.tenant_id, row.slug, row.name, row.standing == "suspended"), row.principal_id)
                for row in rows
            ]

    async def waiting(self) -> list[Waiting]:
        async with self._session(None) as session:
            rows = await session.execute(
                text(
                    "SELECT * FROM find_waiting() UNION ALL SELECT 'import', * FROM find_waiting_imports()"
                    " UNION ALL SELECT 'closure', * FROM find_waiting_closures()"
                    " UNION ALL SELECT 'reopening', * FROM find_waiting_reopenings()"
                    " UNION ALL SELECT 'series', * FROM find_waiting_series()"
                    " UNION ALL SELECT 'bulk', * FROM find_waiting_bulks()"
                )
            )
            return [Waiting(WaitingKind(row.kind), row.tenant_id, row.id) for row in rows]

    async def open_rollouts(self) -> list[OpenRollout]:
        async with self._session(None) as session:
            rows = await session.execute(text("SELECT * FROM find_open_rollouts()"))
            return [OpenRollout(row.tenant_id, row.id) for row in rows]

    async def open_command_repairs(self) -> list[OpenRepair]:
        async with self._session(None) as session:
            rows = await session.execute(text("SELECT * FROM find_open_command_repairs()"))
            return [OpenRepair(row.tenant_id, row.id) for row in rows]

    async def open_periods(self) -> list[OpenPeriod]:
        async with self._session(None) as session:
            return await open_periods.found(session)

    async def moved_books(self) -> list[MovedBooks]:
        async with self._session(None) as session:
            return await moved_books.found(session)

    async def moved_books_told(self, moved: MovedBooks) -> None:
        async with self._session(moved.tenant) as session:
            await moved_books.told(session, moved)

    async def turns(self) -> list[Turn]:
        async with self._session(None) as session:
            rows = await session.execute(text("SELECT * FROM find_turns()"))
            return [Turn(TurnKind(row.kind), row.tenant_id, row.id) for row in rows]

    async def due_openings(self) -> list[tuple[UUID, str, str]]:
        async with self._session(None) as session:
            rows = await session.execute(text("SELECT * FROM find_openings()"))
            return [(row.tenant_id, row.entity, row.scope) for row in rows]

    async def sealed_keys(self) -> list[KeyUse]:
        async with self._session(None) as session:
            rows = await session.execute(text("SELECT * FROM count_sealed_keys()"))
            return [KeyUse(row.tenant_id, row.kek, row.found) for row in rows]

    async def event_work(self, keep: timedelta) -> list[Work]:
        async with self._session(None) as session:
            rows = await session.execute(text("SELECT * FROM find_event_work(CAST(:keep AS interval))"), {"keep": keep})
            return list(dict.fromkeys(Work(WorkKind(row.kind), row.tenant_id) for row in rows))

    async def errands(self) -> list[Errand]:
        async with self._session(None) as session:
            rows = await session.execute(text("SELECT * FROM find_errands()"))
            return [Errand(row.tenant_id, row.id, row.lane) for row in rows]

    async def overdue_reviews(self) -> list[tuple[UUID, UUID]]:
        async with self._session(None) as session:
            return await overdue(session)

    async def unheard_emergencies(self) -> list[UUID]:
        async with self._session(None) as session:
            return await unheard(session)

    async def put_command_types(self, types: Sequence[CommandType]) -> None:
        async with self._session(None) as session:
            await put_types(session, types)

    async def due_commands(self) -> list[tuple[UUID, str]]:
        async with self._session(None) as session:
            return await due(session)

    async def due_alone(self) -> set[tuple[UUID, str]]:
        async with self._session(None) as session:
            return await due_alone(session)

    async def command_counts(self, domains: Collection[str]) -> list[CommandCount]:
        async with self._session(None) as session:
            return await counted(session, domains)

    async def ended_leases(self) -> list[tuple[UUID, UUID]]:
        async with self._session(None) as session:
            return await ended(session)

    async def tenants_of_old_commands(self, age: timedelta) -> list[UUID]:
        async with self._session(None) as session:
            return await purged_commands.tenants(session, age)

    async def tenants_of_old_samples(self, before: datetime) -> list[UUID]:
        async with self._session(None) as session:
            return await tenants_of_old_samples(session, before)

    async def listen_for_commands(self, lasting: timedelta) -> None:
        async with self._session(None) as session:
            await listen(session, lasting)

    async def put_process_types(self, types: Sequence[ProcessType]) -> None:
        async with self._session(None) as session:
            await put_process_types(session, types)

    async def waiting_sagas(self) -> list[WaitingSaga]:
        async with self._session(None) as session:
            return await waiting_sagas(session)

    async def ping(self) -> None:
        async with self._session(None) as session:
            await session.execute(text("SELECT 1"))

    @asynccontextmanager
    async def _session(self, tenant: UUID | None) -> AsyncIterator[AsyncSession]:
        try:
            async with self._sessions(info={"tenant_id": tenant}) as session, session.begin():
                await session.connection()
                yield session
        except Exception as error:
            refusal = translated(error)
            if refusal is None:
                raise
            raise refusal from error
