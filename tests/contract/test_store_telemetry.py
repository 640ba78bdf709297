from datetime import timedelta
from math import inf
from uuid import uuid4

import pytest

from application.ports.records import TelemetryBatch, TelemetrySample
from application.telemetry import TelemetrySource
from domain.gates import CohortQuery, CohortReading, Counts, MetricQuery, ProviderError, Reading, SourceKind
from tests.contract.homes import LONG_AGO, PRODUCTION, Home

HOUR = timedelta(hours=1)


async def report(home: Home) -> None:
    """Two variants, an hour apart, of which one knows how long its requests took."""
    samples = (
        TelemetrySample(PRODUCTION, "checkout", "on", LONG_AGO, 10, 1, ((0.1, 6), (inf, 4))),
        TelemetrySample(PRODUCTION, "checkout", "off", LONG_AGO + HOUR, 90, 2),
        TelemetrySample(PRODUCTION, "checkout", "on", LONG_AGO + 2 * HOUR, 30, 3, ((0.1, 20), (inf, 10))),
        TelemetrySample(PRODUCTION, "basket", "on", LONG_AGO, 7, 7),
    )
    async with home.transaction() as tx:
        await tx.telemetry.add(TelemetryBatch(uuid4(), "b1", samples))


class TestCounted:
    @pytest.mark.req("S56")
    async def test_at_each_instant_is_everything_until_then(self, home: Home) -> None:
        await report(home)
        at = [LONG_AGO - HOUR, LONG_AGO, LONG_AGO + HOUR, LONG_AGO + 2 * HOUR]
        async with home.transaction() as tx:
            one = await tx.telemetry.counted(PRODUCTION, "checkout", "on", at)
            every = await tx.telemetry.counted(PRODUCTION, "checkout", None, at)
        first, last = ((0.1, 6), (inf, 10)), ((0.1, 26), (inf, 40))
        assert one == [None, Counts(10, 1, first), Counts(10, 1, first), Counts(40, 4, last)]
        assert every == [None, Counts(10, 1, first), Counts(100, 3, first), Counts(130, 6, last)]

    async def test_of_another_key_are_other_counts(self, home: Home) -> None:
        await report(home)
        async with home.transaction() as tx:
            assert await tx.telemetry.counted(PRODUCTION, "basket", "on", [LONG_AGO]) == [Counts(7, 7)]


class TestSource:
    @pytest.mark.req("S30")
    async def test_counts_each_tenant_behind_its_own_wall(self, home: Home) -> None:
        await report(home)
        tenants = ((home.tenant.slug, home.tenant.id), ("nobody", uuid4()))
        query = CohortQuery(SourceKind.TELEMETRY, tenants, PRODUCTION, "checkout")
        found = await TelemetrySource(home.store).read_cohort(query, LONG_AGO + HOUR)
        assert isinstance(found, CohortReading)
        assert {slug: counts.requests for slug, counts in found.tenants.items()} == {home.tenant.slug: 100}
        assert found.provenance is not None

    @pytest.mark.req("S31")
    async def test_tells_the_past_of_both_variants(self, home: Home) -> None:
        await report(home)
        query = MetricQuery(SourceKind.TELEMETRY, home.tenant.id, PRODUCTION, "checkout", "on", "off")
        found = await TelemetrySource(home.store).past(query, LONG_AGO + HOUR, HOUR, 2)
        assert not isinstance(found, ProviderError)
        arms = [(each.candidate, each.control) for each in found]
        counted = [(candidate and candidate.requests, control and control.requests) for candidate, control in arms]
        assert counted == [(None, None), (10, None), (10, 90)]

    @pytest.mark.req("S48")
    async def test_says_what_it_was_asked(self, home: Home) -> None:
        query = MetricQuery(SourceKind.TELEMETRY, home.tenant.id, PRODUCTION, "checkout", "on", "off")
        found = await TelemetrySource(home.store).read(query, LONG_AGO)
        assert isinstance(found, Reading)
        assert found.provenance is not None
        assert found.provenance.queries["candidate"] == "checkout=on in production"
