"""The demo's shop is a real process that obeys OFREP, survives its flag service, counts honestly and fails for real."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from examples.shop import definitions

FLAG = "new-checkout"
ROOT = Path(__file__).parents[2]
PATIENCE_S = 15


class Service:
    """A stand-in that answers as OFREP asks, and takes telemetry as far as it is told."""

    def __init__(self) -> None:
        self.port = free_port()
        self.served: dict[str, Any] = {"value": "classic", "variant": "classic", "reason": "STATIC"}
        self.by_customer: dict[str, str] = {}
        self.asked: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.reports: list[bytes] = []
        self.report_statuses: list[int] = []
        self.talking = threading.Event()
        self.talking.set()
        self._server: ThreadingHTTPServer | None = None

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
        if path == "/api/v1/telemetry":
            self.reports.append(body)
            return (self.report_statuses.pop(0) if self.report_statuses else 202), {}
        self.asked.append((path, headers, json.loads(body)))
        self.talking.wait(PATIENCE_S)
        customer = json.loads(body)["context"]["targetingKey"]
        variant = self.by_customer.get(customer)
        served = {"value": variant, "variant": variant, "reason": "SPLIT"} if variant else self.served
        return 200, {"key": FLAG, "metadata": {}, **served}

    def start(self) -> None:
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            timeout = 1

            def do_POST(self) -> None:
                if service.dead:
                    self.close_connection = True
                    return
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, answer = service.answer(self.path, dict(self.headers), body)
                encoded = json.dumps(answer).encode()
                # Whoever asked may have gone without waiting.
                with suppress(ConnectionError):
                    self.reply(status, encoded)

            def reply(self, status: int, encoded: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(encoded)))
                self.end_headers()
                self.wfile.write(encoded)

            def log_message(self, *_: object) -> None: ...

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 128

        self._server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def dead(self) -> bool:
        """Connections that were kept open outlive the listener, and nobody may answer on them."""
        return self._server is None

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def counted(self) -> Counter[str]:
        """Requests, errors and bucketed requests of all batches, each batch once."""
        batches = {each["batch"]: each for each in map(json.loads, self.reports)}
        total: Counter[str] = Counter()
        for sample in (sample for batch in batches.values() for sample in batch["samples"]):
            total["requests"] += sample["requests"]
            total["errors"] += sample["errors"]
            total["bucketed"] += sum(bucket["count"] for bucket in sample["buckets"])
        return total


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def run(module: str, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", f"examples.shop.{module}", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


class Running:
    """The shop's process, its address and the service that it asks."""

    def __init__(
        self, process: "subprocess.Popen[str]", url: str, service: Service, client: httpx2.AsyncClient
    ) -> None:
        self.process, self.url, self.service, self.client = process, url, service, client

    async def checkout(self, customer: str = "c-1") -> tuple[int, dict[str, Any]]:
        response = await self.client.post("/checkout", json={"customer": customer})
        return response.status_code, response.json()

    async def series(self) -> dict[tuple[str, ...], float]:
        """Samples by name, variant and (outcome or le)."""
        text = (await self.client.get("/metrics")).text
        return {
            (sample.name, sample.labels["variant"], sample.labels.get("outcome") or sample.labels.get("le", "")): (
                sample.value
            )
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.labels["flag"] == FLAG
        }

    def end(self) -> str:
        """Ask the shop to end; what it said on its error stream."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.communicate(timeout=PATIENCE_S)[1]


@pytest.fixture
def service() -> Iterator[Service]:
    standing = Service()
    standing.start()
    yield standing
    standing.talking.set()
    standing.stop()


@pytest.fixture
async def shop(service: Service, tmp_path: Path) -> AsyncIterator[Running]:
    token, port = tmp_path / "token", free_port()
    token.write_text("first-token\n")
    origin = f"http://127.0.0.1:{service.port}"
    process = run("app", "--port", str(port), "--changegate", origin, "--token-file", str(token), "--flag", FLAG)
    url = f"http://127.0.0.1:{port}"
    try:
        async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
            deadline = time.monotonic() + PATIENCE_S
            while time.monotonic() < deadline:
                with suppress(httpx2.ConnectError):
                    await client.get("/metrics")
                    break
                await asyncio.sleep(0.05)
            yield Running(process, url, service, client)
    finally:
        process.kill()
        process.communicate()


class TestShop:
    async def test_serves_the_variant_it_is_told(self, shop: Running, tmp_path: Path) -> None:
        shop.service.by_customer = {"c-2": "express"}
        assert (await shop.checkout("c-1"))[1]["variant"] == "classic"
        (tmp_path / "token").write_text("second-token")
        assert (await shop.checkout("c-2"))[1]["variant"] == "express"
        (path, first, context), (_, second, other) = shop.service.asked
        assert path == f"/ofrep/v1/evaluate/flags/{FLAG}"
        assert (context["context"], other["context"]) == ({"targetingKey": "c-1"}, {"targetingKey": "c-2"})
        assert first["Changegate-Environment"] == "production"
        assert (first["Authorization"], second["Authorization"]) == ("Bearer first-token", "Bearer second-token")

    async def test_a_version_it_has_not_got_and_no_value_are_the_coded_default(self, shop: Running) -> None:
        shop.service.served = {"value": "warp", "variant": "warp", "reason": "STATIC"}
        assert (await shop.checkout())[1]["variant"] == "classic"
        shop.service.served = {"variant": None, "reason": "DISABLED"}
        assert (await shop.checkout())[1]["variant"] == "classic"

    async def test_a_body_without_a_customer_is_refused_and_not_counted(self, shop: Running) -> None:
        for body in (b"", b"[]", b'{"customer": ""}', b'{"customer": 7}'):
            assert (await shop.client.post("/checkout", content=body)).status_code == 422
        assert sum(value for key, value in (await shop.series()).items() if key[0] == "shop_requests_total") == 0

    async def test_turbo_really_errs_and_slows(self, shop: Running) -> None:
        shop.service.served = {"value": "turbo", "variant": "turbo", "reason": "STATIC"}
        statuses = Counter([status for status, _ in await asyncio.gather(*(shop.checkout() for _ in range(60)))])
        assert statuses.keys() == {200, 502}
        assert statuses[502] > 5
        series = await shop.series()
        assert series["shop_requests_total", "turbo", "error"] == statuses[502]
        assert series["shop_requests_total", "turbo", "ok"] == statuses[200]
        assert series["shop_request_seconds_bucket", "turbo", "0.15"] == 0
        assert series["shop_request_seconds_bucket", "turbo", "+Inf"] == 60

    async def test_series_exist_before_anybody_came(self, shop: Running) -> None:
        series = await shop.series()
        for variant in definitions.VARIANTS:
            assert series["shop_requests_total", variant, "ok"] == 0
            assert series["shop_requests_total", variant, "error"] == 0
            assert series["shop_request_seconds_bucket", variant, "+Inf"] == 0

    async def test_keeps_serving_its_default_while_the_flag_service_is_dead(self, shop: Running) -> None:
        shop.service.served = {"value": "express", "variant": "express", "reason": "STATIC"}
        assert (await shop.checkout())[1]["variant"] == "express"
        shop.service.stop()
        answers = await asyncio.gather(*(shop.checkout(f"c-{number}") for number in range(20)))
        assert {body["variant"] for _, body in answers} == {"classic"}
        shop.service.start()
        assert (await shop.checkout())[1]["variant"] == "express"
        said = shop.end()
        assert said.count("the flag service does not answer") == 1
        assert said.count("the flag service answers again") == 1
        assert "Traceback" not in said

    async def test_a_flag_service_that_hangs_does_not_hang_the_shop(self, shop: Running) -> None:
        shop.service.served = {"value": "express", "variant": "express", "reason": "STATIC"}
        shop.service.talking.clear()
        # More than the shop has threads to ask with.
        answers = await asyncio.gather(*(shop.checkout(f"c-{number}") for number in range(40)))
        assert {body["variant"] for _, body in answers} == {"classic"}
        shop.service.talking.set()
        deadline = time.monotonic() + PATIENCE_S
        while (await shop.checkout())[1]["variant"] != "express":
            assert time.monotonic() < deadline


class TestReports:
    async def test_a_batch_that_failed_is_sent_again_as_it_was(self, shop: Running) -> None:
        service = shop.service
        service.report_statuses = [202, 500, 503]
        statuses = [status for status, _ in await asyncio.gather(*(shop.checkout() for _ in range(40)))]
        deadline = time.monotonic() + PATIENCE_S
        while len(service.reports) < 4 and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
            if len(service.reports) < 4:
                statuses.append((await shop.checkout())[0])
        shop.end()
        assert service.reports[1] == service.reports[2] == service.reports[3]
        failed = sum(status != 200 for status in statuses)
        assert service.counted() == {"requests": len(statuses), "errors": failed, "bucketed": len(statuses)}

    async def test_says_zero_for_every_variant_first(self, shop: Running) -> None:
        shop.end()
        first = json.loads(shop.service.reports[0])
        assert {sample["variant"] for sample in first["samples"]} == set(definitions.VARIANTS)
        assert shop.service.counted() == {"requests": 0, "errors": 0, "bucketed": 0}
        for sample in first["samples"]:
            assert (sample["environment"], sample["key"]) == ("production", FLAG)
            assert sample["buckets"][-1] == {"le": None, "count": 0}


class TestLoad:
    async def test_is_bounded_in_count_and_tells_what_customers_met(self, shop: Running) -> None:
        shop.service.served = {"value": "express", "variant": "express", "reason": "STATIC"}
        load = run("load", "--url", shop.url, "--rate", "40", "--seconds", "1.5", "--customers", "7")
        lines = (await asyncio.to_thread(load.communicate, timeout=PATIENCE_S))[0].splitlines()
        assert load.returncode == 0
        first, last = json.loads(lines[0]), json.loads(lines[-1])
        assert first["second"] == 1
        assert last["done"] is True
        assert 0 < last["requests"] <= 60
        assert last["variants"] == {"express": last["requests"]}
        series = await shop.series()
        assert series["shop_request_seconds_bucket", "express", "+Inf"] == last["requests"]
        assert series["shop_requests_total", "express", "error"] == last["errors"]
        assert len({context["context"]["targetingKey"] for _, _, context in shop.service.asked}) <= 7

    async def test_ends_on_sigterm_even_where_nobody_answers(self) -> None:
        load = run("load", "--url", f"http://127.0.0.1:{free_port()}", "--rate", "20", "--seconds", "600")
        assert load.stdout is not None
        first = json.loads(await asyncio.to_thread(load.stdout.readline))
        assert first["error_share"] == 1
        assert first["variants"].keys() == {"unanswered"}
        load.send_signal(signal.SIGTERM)
        said, _ = await asyncio.to_thread(load.communicate, timeout=PATIENCE_S)
        assert load.returncode == 0
        assert json.loads(said.splitlines()[-1])["done"] is True
