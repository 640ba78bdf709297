"""A Prometheus that is killed under a rollout, or whose clock is wrong, costs time and nothing else."""

import asyncio
import json
import re
import secrets
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl

import httpx2
import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry, Counter, start_http_server
from temporalio.client import Client

from adapters.metrics.prometheus import PrometheusSource
from adapters.postgres.store import PostgresStore
from domain.gates import Gap, Verdict
from domain.rollouts import State
from tests.chaos.conftest import eventually, free_port
from tests.conftest import House
from tests.integration.prometheus import binary
from tests.workflow.conftest import replayed
from tests.workflow.theatre import Clock, Theatre, plan

if TYPE_CHECKING:
    from adapters.memory.metrics import ScriptedSource

BLIND_CHECKS = 4
SOAK_S = 6
METRICS = {
    "source": "prometheus",
    "candidate": "express",
    "control": "classic",
    "templates": {
        "requests": 'sum(shop_requests_total{variant="$variant"})',
        "errors": 'sum(shop_errors_total{variant="$variant"})',
    },
}


class Shop:
    """An exporter in which both variants serve, the candidate a tenth of all."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._requests = Counter("shop_requests", "requests", ["variant"], registry=registry)
        self._errors = Counter("shop_errors", "errors", ["variant"], registry=registry)
        self._server, self._thread = start_http_server(0, addr="127.0.0.1", registry=registry)
        self.port = self._server.server_port

    async def open(self) -> None:
        while True:
            for variant, requests in (("express", 10), ("classic", 90)):
                self._errors.labels(variant).inc(requests / 100)
                self._requests.labels(variant).inc(requests)
            await asyncio.sleep(0.2)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Prometheus:
    """A real one, which may be killed and begins again with what it had written."""

    def __init__(self, folder: Path, target: int) -> None:
        self._folder, self._port = folder, free_port()
        (folder / "prometheus.yml").write_text(
            "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
            f"scrape_configs: [{{job_name: shop, static_configs: [{{targets: ['127.0.0.1:{target}']}}]}}]\n"
        )
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        self._child = subprocess.Popen(
            [
                binary(),
                f"--config.file={self._folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={self._folder / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{self._port}",
                "--log.level=error",
            ],
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        assert self._child is not None
        self._child.send_signal(signal.SIGKILL)
        self._child.wait(20)

    async def counts(self) -> bool:
        with suppress(httpx2.HTTPError):
            async with httpx2.AsyncClient(timeout=60, trust_env=False) as client:
                answer = await client.get(f"{self.url}/api/v1/query", params={"query": "shop_requests_total"})
                return answer.is_success and len(answer.json()["data"]["result"]) == 2
        return False


@pytest_asyncio.fixture
async def shop() -> AsyncIterator[Shop]:
    shop = Shop()
    serving = asyncio.create_task(shop.open())
    yield shop
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    shop.close()


@pytest.fixture
def prometheus(tmp_path: Path, shop: Shop) -> Iterator[Prometheus]:
    prometheus = Prometheus(tmp_path, shop.port)
    prometheus.start()
    yield prometheus
    prometheus.kill()


class Mistimed:
    """Stands before a Prometheus and lets its clock be wrong: whatever it is asked or says about time is shifted."""

    def __init__(self, url: str, off: timedelta) -> None:
        self._url, self._off = url, off.total_seconds()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"content-length: (\d+)", head.lower())
        form = dict(parse_qsl((await reader.readexactly(int(length[1]) if length else 0)).decode()))
        for name in ("time", "start", "end"):
            if name in form:
                form[name] = f"{float(form[name]) - self._off:.3f}"
        async with httpx2.AsyncClient(timeout=60, trust_env=False) as client:
            answer = await client.post(self._url + head.split(" ")[1], data=form)
        said = answer.json()
        for point in self._points(said["data"], told=form["query"] == "time()"):
            point[0] += self._off
        body = json.dumps(said).encode()
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    def _points(self, said: Any, *, told: bool) -> list[list[Any]]:
        if said["resultType"] == "scalar":
            if told:
                said["result"][1] = str(float(said["result"][1]) + self._off)
            return [said["result"]]
        return [point for one in said["result"] for point in one.get("values", [one.get("value")])]


@asynccontextmanager
async def mistimed(url: str, off: timedelta) -> AsyncIterator[str]:
    server = await asyncio.start_server(Mistimed(url, off).serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def playing(house: House, store: PostgresStore, client: Client, url: str) -> AsyncIterator[Theatre]:
    """A stage on which nothing is written down beforehand: its numbers come from this address."""
    metrics = cast("ScriptedSource", PrometheusSource(url))
    stage = Theatre(house, store, client, f"q-{secrets.token_hex(4)}", metrics, Clock(client), store)
    await stage.flag()
    async with stage.worker():
        yield stage
    await replayed(stage)


async def launched(stage: Theatre) -> Any:
    waits = {"check_interval_seconds": 1, "initial_delay_seconds": 0}
    return await stage.launch(metrics=METRICS, plan=plan(10, 100, soak=SOAK_S, **waits))


class TestPrometheusKilled:
    @pytest.mark.req("S49", "I2")
    async def test_exposure_stands_still_and_goes_on_by_itself(
        self, house: House, store: PostgresStore, client: Client, prometheus: Prometheus
    ) -> None:
        await eventually(prometheus.counts)
        async with playing(house, store, client, prometheus.url) as stage:
            change = await launched(stage)

            async def checked(verdict: Verdict, most: int) -> bool:
                found = [check.verdict for check in await stage.evidence(change)]
                return found.count(verdict) >= most

            await eventually(lambda: checked(Verdict.CONTINUE, 2), patience=60)
            prometheus.kill()
            await eventually(lambda: checked(Verdict.PROVIDER_ERROR, BLIND_CHECKS), patience=60)
            await asyncio.sleep(SOAK_S)  # the soak is over by now, and still nobody saw anything
            blind = await stage.rollout(change)
            assert (blind.state, blind.percent, blind.verdict) == (State.RUNNING, 10, Verdict.PROVIDER_ERROR)
            assert await stage.percents(change) == [0, 10]

            prometheus.start()
            assert await stage.end(change) is State.SUCCEEDED
            assert await stage.percents(change) == [0, 10, 100]
            evidence = await stage.evidence(change)
            rise = next(line.at for line in await stage.timeline(change) if line.percent == 100)
            looked = [check for check in evidence if check.judged_at < rise]
            assert looked[-1].verdict is Verdict.PASS
            unseen = [pair for pair in pairwise(looked) if pair[1].verdict is Verdict.PROVIDER_ERROR]
            assert len(unseen) >= BLIND_CHECKS
            for name in ("errors", "stage_checks", "stage_requests", "last"):
                assert all(before.state[name] == after.state[name] for before, after in unseen)
            assert Verdict.FAIL not in {check.verdict for check in evidence}


class TestPrometheusWithAWrongClock:
    @pytest.mark.req("S57", "S56")
    async def test_its_own_instants_count_and_windows_lie_end_to_end(
        self, house: House, store: PostgresStore, client: Client, prometheus: Prometheus
    ) -> None:
        await eventually(prometheus.counts)
        off = timedelta(minutes=-5)
        async with mistimed(prometheus.url, off) as url, playing(house, store, client, url) as stage:
            change = await launched(stage)
            assert await stage.end(change) is State.SUCCEEDED
            assert await stage.percents(change) == [0, 10, 100]
            evidence = await stage.evidence(change)
            windows = [check.record["window"] for check in evidence if check.record["window"]]
            spans = [tuple(datetime.fromisoformat(window[end]) for end in ("since", "until")) for window in windows]
            assert spans
            assert all(since < until for since, until in spans)
            assert all(earlier[1] == later[0] for earlier, later in pairwise(spans))
            seen = [(check.judged_at, check.state["last"]) for check in evidence if check.state["last"]]
            behind = [judged_at - datetime.fromisoformat(last["at"]) for judged_at, last in seen]
            assert all(each > -off - timedelta(minutes=1) for each in behind)
            assert not {check.verdict for check in evidence} & {Verdict.FAIL, Verdict.INCONCLUSIVE}
            # On a busy machine a scrape or an answer may come late, which is a blind check; a clock never makes one.
            blind = {cause for check in evidence for cause in check.state.get("blindness", ())}
            assert not blind & {Gap.READING_NOT_NEWER, Gap.ERRORS_EXCEED_REQUESTS}
            assert evidence[-1].state["resets"] == 0
