from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from application.authentication import Authentication, PrincipalUnknown, TenantAmbiguous
from application.policies import SetPolicy
from application.ports.records import AuditFilter, TelemetryBatch, TelemetrySample
from application.telemetry import Sources, Telemetry, TelemetrySource
from domain.approvals import ApprovalPolicy
from domain.changes import Kind
from domain.errors import Invalid, Missing, Stale
from domain.gates import MetricQuery, ProviderError, Reading, SourceKind
from domain.people import PermissionMissing, Role
from tests.world import PRODUCTION, START, World


class TestTenants:
    async def test_is_admitted_once(self, world: World) -> None:
        assert await world.tenants.admit_tenant(world.tenant.slug, "again") == world.tenant
        assert len(await world.events("tenant:record:created")) == 1

    async def test_a_person_is_admitted_once(self, world: World) -> None:
        again = await world.tenants.admit_principal(world.tenant, "ada", frozenset({Role.ADMIN}), issuer="tests")
        assert (again.id, again.roles) == (world.ada.id, world.ada.roles)

    async def test_roles_change_with_a_reason_and_an_event(self, world: World) -> None:
        changed = await world.tenants.set_roles(world.root, "eve", frozenset({Role.AUDITOR}), "joins audit")
        assert changed.roles == {Role.AUDITOR}
        (event,) = await world.events("principal:roles:changed")
        assert (event.event["before"], event.event["after"]) == ({"roles": ["Viewer"]}, {"roles": ["Auditor"]})
        with pytest.raises(PermissionMissing):
            await world.tenants.set_roles(world.ada, "eve", frozenset(), "no")
        with pytest.raises(Missing):
            await world.tenants.set_roles(world.root, "nobody", frozenset(), "no")

    async def test_a_policy_holds_from_now_on(self, world: World) -> None:
        submitted = await world.submit()
        first = SetPolicy(PRODUCTION, Kind.FLAG, ApprovalPolicy(), 0)
        assert (await world.tenants.set_policy(world.root, first, "nobody asks")).version == 1
        assert await world.tenants.policy(world.eve, PRODUCTION) == replace(first, version=1)
        with pytest.raises(Stale):
            await world.tenants.set_policy(world.root, first, "nobody asks")
        assert len((await world.approvals.get(world.eve, submitted.approval.id)).approval.policy.levels) == 2
        with pytest.raises(PermissionMissing):
            await world.tenants.set_policy(world.ada, replace(first, version=1), "no")


class Claims:
    issuer = "tests"

    def __init__(self, subject: str) -> None:
        self.subject = subject

    async def verify(self, token: str) -> "Claims":
        return Claims(token)


class TestAuthentication:
    async def test_has_the_roles_of_now(self, world: World) -> None:
        who = Authentication(world.store, Claims(""))
        assert await who.actor("ada", None) == world.ada
        await world.tenants.set_roles(world.root, "ada", frozenset(), "gone")
        assert (await who.actor("ada", world.tenant.slug)).roles == frozenset()

    async def test_nobody_is_unknown(self, world: World) -> None:
        who = Authentication(world.store, Claims(""))
        for subject, tenant in (("nobody", None), ("ada", "elsewhere")):
            with pytest.raises(PrincipalUnknown):
                await who.actor(subject, tenant)

    async def test_of_two_tenants_one_is_named(self, world: World) -> None:
        other = await world.tenants.admit_tenant("other-place", "Other")
        await world.tenants.admit_principal(other, "ada", frozenset(), issuer="tests")
        who = Authentication(world.store, Claims(""))
        with pytest.raises(TenantAmbiguous):
            await who.actor("ada", None)
        assert (await who.actor("ada", "other-place")).tenant == other.id


class TestAuditing:
    async def test_reading_leaves_an_event(self, world: World) -> None:
        rows = await world.auditing.page(world.aud, AuditFilter(action="tenant:record:created"), None, 10)
        assert len(rows) == 1
        (event,) = await world.events("audit:trail:read")
        assert event.event["after"] == {"action": "tenant:record:created"}
        with pytest.raises(PermissionMissing):
            await world.auditing.page(world.ada, AuditFilter(), None, 10)

    async def test_an_export_is_recorded_before_its_first_row(self, world: World) -> None:
        await world.put()
        for _ in range(600):
            await world.auditing.page(world.aud, AuditFilter(), None, 1)
        world.clock += timedelta(minutes=1)
        rows = [row async for row in await world.auditing.export(world.aud, AuditFilter(), "jsonl")]
        assert len(rows) == len({row.id for row in rows}) == len(await world.events()) - 1
        assert len(await world.events("audit:trail:exported")) == 1
        with pytest.raises(PermissionMissing):
            await world.auditing.export(world.ada, AuditFilter(), "jsonl")


class TestTelemetry:
    sample = TelemetrySample(PRODUCTION, "checkout", "on", START, 10, 1)

    async def test_a_batch_counts_once(self, world: World) -> None:
        telemetry = Telemetry(world.store)
        batch = TelemetryBatch(uuid4(), "b-1", (self.sample,))
        assert await telemetry.take(world.shop, batch)
        assert not await telemetry.take(world.shop, batch)
        with pytest.raises(PermissionMissing):
            await telemetry.take(world.eve, batch)

    async def test_a_sample_does_not_contradict_itself(self, world: World) -> None:
        batch = TelemetryBatch(uuid4(), "b", (self.sample, replace(self.sample, errors=11)))
        with pytest.raises(Invalid) as refused:
            await Telemetry(world.store).take(world.shop, batch)
        assert [fault.path for fault in refused.value.faults] == ["/samples/1/errors"]

    async def test_is_a_source_like_any_other(self, world: World) -> None:
        await Telemetry(world.store).take(world.shop, TelemetryBatch(uuid4(), "b", (self.sample,)))
        own = TelemetrySource(world.store)
        sources = Sources({SourceKind.TELEMETRY: own})
        query = MetricQuery(SourceKind.TELEMETRY, world.tenant.id, PRODUCTION, "checkout", "on", "off")
        await sources.probe(query)
        reading = await sources.read(query, START)
        assert isinstance(reading, Reading)
        assert (reading.candidate and reading.candidate.requests, reading.control) == (10, None)

    async def test_what_is_not_configured_says_so(self, world: World) -> None:
        query = MetricQuery(SourceKind.TELEMETRY, world.tenant.id, PRODUCTION, "checkout", "on", "off")
        assert await Sources({}).read(query, START) == ProviderError("source_not_configured")
        with pytest.raises(Invalid):
            await Sources({}).probe(query)

    async def test_a_database_that_is_away_is_a_source_that_does_not_answer(self, world: World) -> None:
        query = MetricQuery(SourceKind.TELEMETRY, world.tenant.id, PRODUCTION, "checkout", "on", "off")
        world.store.down = True  # type: ignore[attr-defined]  # the store in memory
        assert await TelemetrySource(world.store).read(query, START) == ProviderError("unreachable")
