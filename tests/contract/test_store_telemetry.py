from datetime import timedelta
from math import inf
from uuid import UUID, uuid4

import pytest

from application.ports.records import TelemetryBatch, TelemetrySample
from application.telemetry import TelemetrySource
from domain.gates import CohortQuery, CohortReading, Counts, MetricQuery, ProviderError, Reading, SourceKind
from domain.tenants import Tenancy
from tests.contract.homes import LONG_AGO, PRODUCTION, Home

HOUR = timedelta(hours=1)


async def report(home: Home, tenant: UUID | None = None) -> None:
    """Two variants, an hour apart, of which one knows how long its requests took."""
    samples = (
        TelemetrySample(PRODUCTION, "checkout", "on", LONG_AGO, 10, 1, ((0.1, 6), (inf, 4))),
        TelemetrySample(PRODUCTION, "checkout", "off", LONG_AGO + HOUR, 90, 2),
        TelemetrySample(PRODUCTION, "checkout", "on", LONG_AGO + 2 * HOUR, 30, 3, ((0.1, 20), (inf, 10))),
        TelemetrySample(PRODUCTION, "basket", "on", LONG_AGO, 7, 7),
    )
    async with home.store.transaction(tenant or home.tenant.id) as tx:
        await tx.telemetry.add(TelemetryBatch(uuid4(), "b1", samples))


async def found(home: Home, above: UUID) -> UUID:
    """A new tenant that stands below another, and has counted."""
    below = uuid4()
    async with home.store.transaction(above) as tx:
        own = await tx.tenants.own()
        slug = f"b-{below.hex[:12]}"
        await tx.tenants.found(Tenancy(below, slug, slug, tx.now, ancestors=(*own.ancestors, above), parent=own.slug))
    await report(home, below)
    return below


class TestCounted:
    @pytest.mark.req("S56")
    async def test_at_each_instant_is_everything_until_then(self, home: Home) -> None:
        await report(home)
        at = [LONG_AGO - HOUR, LONG_AGO, LONG_AGO + HOUR, LONG_AGO + 2 * HOUR]
        async with home.transaction() as tx:
            one = await tx.telemetry.counted(PRODUCTION, "checkout", "on", at)
            every = await tx.telemetry.counted_below([home.tenant.id, uuid4()], PRODUCTION, "checkout", at)
        first, last = ((0.1, 6), (inf, 10)), ((0.1, 26), (inf, 40))
        assert one == [None, Counts(10, 1, first), Counts(10, 1, first), Counts(40, 4, last)]
        assert every == {home.tenant.id: [None, Counts(10, 1, first), Counts(100, 3, first), Counts(130, 6, last)]}

    async def test_of_another_key_are_other_counts(self, home: Home) -> None:
        await report(home)
        async with home.transaction() as tx:
            assert await tx.telemetry.counted(PRODUCTION, "basket", "on", [LONG_AGO]) == [Counts(7, 7)]

    async def test_of_many_are_those_here_and_below_and_nobody_elses(self, home: Home) -> None:
        child = await found(home, home.tenant.id)
        grandchild, sibling = await found(home, child), await found(home, home.tenant.id)
        everybody = [home.tenant.id, child, grandchild, sibling, uuid4()]
        counts = {}
        for asking in everybody[:4]:
            async with home.store.transaction(asking) as tx:
                counts[asking] = await tx.telemetry.counted_below(everybody, PRODUCTION, "basket", [LONG_AGO])
        assert {asking: set(seen) for asking, seen in counts.items()} == {
            home.tenant.id: {child, grandchild, sibling}, child: {child, grandchild},
            grandchild: {grandchild}, sibling: {sibling},
        }  # fmt: skip
        assert counts[child][grandchild] == [Counts(7, 7)]


class TestSource:
    @pytest.mark.req("S30")
    async def test_counts_each_tenant_here_and_below(self, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        await report(home)
        tenants = [(home.tenant.slug, home.tenant.id), ("nobody", uuid4())]
        tenants += [(f"t{number}", await found(home, home.tenant.id)) for number in range(3)]
        query = CohortQuery(SourceKind.TELEMETRY, home.tenant.id, tuple(tenants), PRODUCTION, "checkout")
        source = TelemetrySource(home.store)
        read = await source.read_cohort(query, LONG_AGO + HOUR)
        assert isinstance(read, CohortReading)
        counting = dict.fromkeys((home.tenant.slug, "t0", "t1", "t2"), 100)
        assert {slug: counts.requests for slug, counts in read.tenants.items()} == counting
        assert read.provenance is not None
        monkeypatch.setattr("application.telemetry.MOST_COUNTS", 4)
        some_at_a_time = await source.past_cohort(query, LONG_AGO + HOUR, 2 * HOUR, 1)
        assert some_at_a_time == [CohortReading(LONG_AGO - HOUR, {}), CohortReading(LONG_AGO + HOUR, read.tenants)]

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
