"""The way back needs neither who counts nor the cache nor the mail server: it comes without any of them."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters.embedded.installation import RunningStack
from cli.seed import PEOPLE, TENANT
from terminal import EmbeddedInstallation
from tests.chaos.conftest import free_port
from tests.chaos.place import Place, Postbox
from tests.workflow.theatre import EXPRESS

METRICS = {
    "source": "prometheus",
    "templates": {"requests": "sum(requests{variant=$variant})", "errors": "sum(errors{variant=$variant})"},
}
PLAN: dict[str, Any] = {
    "stages": [{"percent": percent, "min_soak_seconds": 0} for percent in (10, 100)], "bake_seconds": 0,
    "initial_delay_seconds": 1, "check_interval_seconds": 2, "late_grace_seconds": 0,
    "blind_limit_seconds": 5, "blind_budget_seconds": 5,
}  # fmt: skip


async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A Prometheus that has counted nothing yet."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = next((int(line[15:]) for line in head.split("\r\n") if line.startswith("content-length:")), 0)
    form = (await reader.readexactly(length)).decode() + head.split(" ")[1]
    found: dict[str, Any] = {"resultType": "matrix" if "query_range" in form else "vector", "result": []}
    if "time%28%29" in form or "time()" in form:
        found = {"resultType": "scalar", "result": [time.time(), str(time.time())]}
    body = json.dumps({"status": "success", "data": found}).encode()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n")
    writer.write(f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
    await writer.drain()
    writer.close()


@asynccontextmanager
async def counting(port: int) -> AsyncIterator[None]:
    server = await asyncio.start_server(answered, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()
        await server.wait_closed()


@pytest.mark.req("S50", "I5")
async def test_blind_and_without_a_cache_it_goes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    postbox, counts = Postbox(free_port()), free_port()
    installation = EmbeddedInstallation(tmp_path)
    monkeypatch.setenv("CHANGEGATE_SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("CHANGEGATE_SMTP_PORT", str(postbox.port))
    monkeypatch.setenv("CHANGEGATE_SMTP_SECURITY", "plain")
    monkeypatch.setenv("CHANGEGATE_PROMETHEUS_URL", f"http://127.0.0.1:{counts}")
    async with installation.start() as running:
        assert isinstance(running, RunningStack)
        await installation.admit(TENANT, "A shop that sees nothing", PEOPLE)
        place = Place(tmp_path, running, postbox)
        await place.until(await place.changed("checkout"), "SUCCEEDED")
        async with counting(counts):
            gates = {"acknowledge_infeasible": True}
            wish = {"definition": EXPRESS, "base_version": 1, "plan": PLAN, "gates": gates, "metrics": METRICS}
            change = await place.changed("checkout", **wish)
            await place.until(change, "RUNNING")
        async with place.without("valkey"):
            await place.until(change, "ROLLED_BACK")
        assert (await place.person("ada").see(f"/rollouts/{change}"))["cause"] == "blind_budget"
        origins = await place.rows("SELECT origin FROM flag_version WHERE key = 'checkout' ORDER BY version DESC")
        assert origins[0]["origin"].startswith("rollback_of:")
        await place.each_step_once(change)
