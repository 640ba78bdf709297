"""A real Prometheus that scrapes a real exporter each second, and what a gate asks it."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server

from domain.environments import Environment
from domain.gates import (
    MetricQuery,
    PrometheusTemplates,
    SourceKind,
)

REQUESTS = 'sum(shop_requests_total{variant="$variant",flag="$flag"})'
ERRORS = 'sum(shop_errors_total{variant="$variant"} or 0 * shop_requests_total{variant="$variant"})'
BUCKETS = 'sum by (le) (shop_latency_seconds_bucket{variant="$variant"})'


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


@pytest.fixture(name="watched")
def scraped(tmp_path: Path) -> Iterator[Watched]:
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
