"""Against a real Prometheus that scrapes a real exporter each second."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from adapters.metrics.prometheus import PrometheusSource
from domain.environments import Environment
from domain.errors import Invalid
from domain.gates import (
    CohortQuery,
    CohortReading,
    Counts,
    GateSpec,
    GateState,
    LatencyGate,
    MetricQuery,
    PrometheusTemplates,
    ProviderError,
    Reading,
    SourceKind,
    StageClock,
    Verdict,
    judge,
    replay,
)
from tests.integration.prometheus import REQUESTS, Watched, query, scraped  # noqa: F401 -- a fixture is found by its name

PATIENCE_S = 30


async def read_until(
    source: PrometheusSource, arrived: Callable[[Reading], bool], asked: MetricQuery | None = None
) -> Reading:
    """Prometheus starts, discovers and scrapes when it likes."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        reading = await source.read(asked or query(), datetime.now(UTC))
        if isinstance(reading, Reading) and arrived(reading):
            return reading
        await asyncio.sleep(0.2)
    pytest.fail(f"Prometheus never showed it; last answer {reading}")


def served(candidate: int, control: int) -> Callable[[Reading], bool]:
    def arrived(reading: Reading) -> bool:
        arms = reading.candidate, reading.control
        return [arm and arm.requests for arm in arms] == [candidate, control]

    return arrived


class TestRealPrometheus:
    @pytest.mark.req("S32", "S48", "S53", "S57")
    async def test_counters_travel_from_exporter_to_verdict(self, watched: Watched) -> None:
        source, shop, clock = PrometheusSource(watched.url), watched.shop, StageClock(0, 0, 600)
        spec = GateSpec(latency=LatencyGate())
        shop.serve("on", 100, 0)
        shop.serve("off", 900, 10)
        first = await read_until(source, served(100, 900))
        assert first.candidate == Counts(100, 0, ((0.1, 100), (0.5, 100), (1.0, 100), (float("inf"), 100)))
        assert first.control is not None
        assert first.control.errors == 10

        shop.serve("on", 40, 30, seconds=0.7)
        shop.serve("off", 360, 4)
        second = await read_until(source, served(140, 1260))
        state = judge(spec, GateState(), first, clock).state
        outcome = judge(spec, state, second, clock)
        assert outcome.verdict is Verdict.FAIL
        assert outcome.cause == "hard_stop"
        assert outcome.window is not None
        assert outcome.window.candidate == Counts(40, 30, ((0.1, 0), (0.5, 0), (1.0, 40), (float("inf"), 40)))
        assert replay(outcome.to_json()) == outcome

        shop.restart()
        shop.serve("on", 2, 0)
        shop.serve("off", 18, 0)
        third = await read_until(source, served(2, 18))
        assert judge(spec, state, third, clock).cause == "counter_reset"

    @pytest.mark.req("S30", "S31")
    async def test_the_past_is_read_by_arm_and_by_tenant(self, watched: Watched) -> None:
        """The pods stand for tenants: every series of the exporter carries one."""
        source, shop = PrometheusSource(watched.url), watched.shop
        shop.serve("on", 100, 10)
        shop.serve("off", 900, 10)
        reading = await read_until(source, served(100, 900))
        second = timedelta(seconds=1)
        past = await source.past(query(), reading.at, second, 60)
        assert not isinstance(past, ProviderError)
        assert (len(past), past[-1].at) == (61, reading.at)
        assert (past[0].control, past[-1].control) == (None, reading.control)

        by_pod = "sum by (tenant) (label_replace(%s, 'tenant', '$$1', 'pod', '(.*)'))"
        templates = PrometheusTemplates(by_pod % "shop_requests_total", by_pod % "shop_errors_total")
        pods = (("a", UUID(int=1)), ("b", UUID(int=2)))
        asked = Environment.PRODUCTION, "new-checkout", templates
        cohort = CohortQuery(SourceKind.PROMETHEUS, UUID(int=7), pods, *asked)
        await source.probe(cohort)
        found = await source.read_cohort(cohort, reading.at)
        assert isinstance(found, CohortReading)
        assert found.tenants == {"a": Counts(500, 10), "b": Counts(500, 10)}
        earlier = await source.past_cohort(cohort, reading.at, second, 60)
        assert not isinstance(earlier, ProviderError)
        assert (earlier[0].tenants, earlier[-1].tenants) == ({}, found.tenants)

    @pytest.mark.req("S51", "S52", "S57")
    async def test_what_is_no_number_is_no_data_and_two_series_are_an_error(self, watched: Watched) -> None:
        source, shop = PrometheusSource(watched.url), watched.shop
        shop.serve("on", 10, 0)
        shop.serve("off", 90, 2)
        reading = await read_until(source, served(10, 90))
        for broken in ("0 * {} / 0", "{} / 0", "-1 * {} / 0", "{} > 1e9"):
            asked = query(errors=broken.format(REQUESTS))
            assert await source.read(asked, reading.at) == Reading(reading.at, None, None)
        several = query(requests='shop_requests_total{variant="$variant"}')
        assert await source.read(several, reading.at) == ProviderError("ambiguous_series")
        ahead = datetime.now(UTC) + timedelta(minutes=5)
        present = await source.read(query(), ahead)
        assert isinstance(present, Reading)
        assert reading.at <= present.at < ahead
        assert present.candidate is not None

    @pytest.mark.req("S55")
    async def test_probe_runs_each_template_once(self, watched: Watched) -> None:
        source, shop = PrometheusSource(watched.url), watched.shop
        shop.serve("off", 90, 2)
        await read_until(source, lambda reading: reading.control is not None)
        await source.probe(query())
        faulty = query("sum(", 'shop_requests_total{variant="$variant"}', 'shop_requests_total{variant="$variant"}')
        with pytest.raises(Invalid) as refused:
            await source.probe(faulty)
        assert [fault.path for fault in refused.value.faults] == [
            "/templates/requests",
            "/templates/errors",
            "/templates/latency_buckets",
        ]
