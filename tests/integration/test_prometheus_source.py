"""Against a real Prometheus that scrapes a real exporter each second, and against servers that misbehave."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx2
import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server

from adapters.metrics.prometheus import LARGEST_ANSWER, TRIES, PrometheusSource
from domain.environments import Environment
from domain.errors import Invalid, Unavailable
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

REQUESTS = 'sum(shop_requests_total{variant="$variant",flag="$flag"})'
ERRORS = 'sum(shop_errors_total{variant="$variant"} or 0 * shop_requests_total{variant="$variant"})'
BUCKETS = 'sum by (le) (shop_latency_seconds_bucket{variant="$variant"})'
PATIENCE_S = 30


def query(requests: str = REQUESTS, errors: str = ERRORS, buckets: str | None = BUCKETS) -> MetricQuery:
    templates = PrometheusTemplates(requests, errors, buckets)
    return MetricQuery(
        SourceKind.PROMETHEUS, UUID(int=7), Environment.PRODUCTION, "new-checkout", "on", "off", templates
    )


class Shop:
    """An exporter whose counters the test moves; `restart` begins them again at zero."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.restart()

    def restart(self) -> None:
        for collector in list(self.registry._collector_to_names):
            self.registry.unregister(collector)
        labels = ["variant", "flag", "pod"]
        self.requests = Counter("shop_requests", "requests", labels, registry=self.registry)
        self.errors = Counter("shop_errors", "errors", labels, registry=self.registry)
        self.latency = Histogram(
            "shop_latency_seconds", "latency", labels, buckets=(0.1, 0.5, 1.0), registry=self.registry
        )

    def serve(self, variant: str, requests: int, errors: int, seconds: float = 0.05) -> None:
        """Requests last, so that a scrape in between never shows all of them with less of the rest."""
        for pod in ("a", "b"):
            labels = (variant, "new-checkout", pod)
            if errors:
                self.errors.labels(*labels).inc(errors / 2)
            for _ in range(requests // 2):
                self.latency.labels(*labels).observe(seconds)
            self.requests.labels(*labels).inc(requests / 2)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def binary() -> str:
    found = shutil.which("prometheus")
    if found is None and os.environ.get("CI") == "true":
        pytest.fail("CI must prove the source against a real Prometheus: install its binary")
    if found is None:
        # The one allowed skip: Prometheus has no wheel, so a developer's machine may lack it; CI may not.
        pytest.skip("no prometheus binary on the PATH (Debian: apt-get install prometheus)")
    return found


@dataclass
class Watched:
    shop: Shop
    url: str


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    program, shop = binary(), Shop()
    server, thread = start_http_server(0, addr="127.0.0.1", registry=shop.registry)
    config = tmp_path / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
        f"scrape_configs: [{{job_name: shop, static_configs: [{{targets: ['127.0.0.1:{server.server_port}']}}]}}]\n"
    )
    port = free_port()
    storage = f"--storage.tsdb.path={tmp_path / 'tsdb'}"
    listen = f"--web.listen-address=127.0.0.1:{port}"
    child = subprocess.Popen(
        [program, f"--config.file={config}", storage, listen, "--log.level=error"], stderr=subprocess.DEVNULL
    )
    try:
        yield Watched(shop, f"http://127.0.0.1:{port}")
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(20)
        server.shutdown()
        server.server_close()
        thread.join()


async def at_once(_seconds: float) -> None:
    await asyncio.sleep(0)


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
        cohort = CohortQuery(SourceKind.PROMETHEUS, pods, Environment.PRODUCTION, "new-checkout", templates)
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


@asynccontextmanager
async def misbehaving(answer: Callable[[], bytes]) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A loopback server that answers every request with the same bytes, and the requests it saw."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        seen.append(head)
        writer.write(answer())
        try:
            await writer.drain()
            await reader.read()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen


def http(status: int, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


NOW = datetime(2026, 1, 1, tzinfo=UTC)
ANSWER = b'{"status":"success","data":{"resultType":"scalar","result":[1767225600,"1767225600"]}}'


class TestMisbehavingProvider:
    @pytest.mark.req("S49")
    @pytest.mark.parametrize(
        ("answer", "reason", "tries"),
        [
            (http(500), "http_500", TRIES),
            (http(429), "http_429", TRIES),
            (http(404), "http_404", 1),
            (http(302, b"", "Location: http://127.0.0.1:1/"), "http_302", 1),
            (http(200, b"<html>"), "malformed_answer", 1),
            (http(200, b"[" * 200_000), "malformed_answer", 1),
            (http(200, b'{"status":"success","data":null}'), "malformed_answer", 1),
            (http(200, b" " * (LARGEST_ANSWER + 1)), "answer_too_large", 1),
            (b"", "timeout", TRIES),
            (b"not http\r\n\r\n", "unreachable", TRIES),
        ],
        ids=["500", "429", "404", "redirect", "html", "deep", "null", "large", "silent", "not-http"],
    )
    async def test_is_a_provider_error(self, answer: bytes, reason: str, tries: int) -> None:
        async with misbehaving(lambda: answer) as (url, seen):
            source = PrometheusSource(
                url, lambda: httpx2.AsyncClient(timeout=0.2, follow_redirects=False, trust_env=False), at_once
            )
            assert await source.read(query(), NOW) == ProviderError(reason)
            assert len(seen) == tries

    @pytest.mark.req("S49", "S50")
    async def test_nobody_listening(self) -> None:
        source = PrometheusSource(f"http://127.0.0.1:{free_port()}", pause=at_once)
        assert await source.read(query(), NOW) == ProviderError("unreachable")
        with pytest.raises(Unavailable):
            await source.probe(query())

    async def test_a_proxy_of_the_environment_is_not_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
        async with misbehaving(lambda: http(200, ANSWER)) as (url, seen):
            reading = await PrometheusSource(url, pause=at_once).read(query(buckets=None), NOW)
        assert isinstance(reading, Reading)
        assert reading.at == NOW
        assert seen[0].startswith(b"POST /api/v1/query ")
