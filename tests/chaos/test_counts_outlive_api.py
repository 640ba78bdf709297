"""An API that is told to stop writes down what it counted; killed, it loses no more than it had not written."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from temporalio.client import Client

from adapters.embedded.probes import http_answers
from adapters.identity.issuer import EmbeddedIssuer
from adapters.postgres.store import PostgresStore
from application.flag_impact.collecting import KEPT
from application.flag_impact.sampling import FlagSampling
from application.flags import Flags
from domain.environments import Environment
from domain.flags.sampling import parse_sampling
from tests.chaos.conftest import eventually, free_port, running
from tests.conftest import House

FLAG: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
DEV = Environment.DEV
WHY = "because of the test"
Api = Callable[[], AbstractAsyncContextManager[tuple[asyncio.subprocess.Process, httpx2.AsyncClient]]]


@pytest.fixture
def api(
    neighbourhood: House, issuer: EmbeddedIssuer, client: Client, surroundings: dict[str, str], tmp_path: Path
) -> Api:
    """A process of its own, and an application that asks it."""
    port = free_port()
    words = ("-m", "uvicorn", "bootstrap:api", "--factory", "--port", str(port), "--log-level", "warning")
    headers = {"Authorization": f"Bearer {issuer.mint('ada')}", "Changegate-Environment": "dev",
               "Changegate-Tenant": neighbourhood.tenant.slug}  # fmt: skip

    @asynccontextmanager
    async def begun() -> AsyncIterator[tuple[asyncio.subprocess.Process, httpx2.AsyncClient]]:
        address = f"http://127.0.0.1:{port}"
        async with running(*words, env=surroundings, log=tmp_path / "api.log") as process:
            await eventually(lambda: http_answers(port, "/readyz"))
            async with httpx2.AsyncClient(base_url=address, headers=headers, trust_env=False, timeout=60) as shop:
                yield process, shop

    return begun


@pytest.mark.req("FL1")
async def test_nothing_is_counted_twice_and_little_is_lost(
    neighbourhood: House, store: PostgresStore, api: Api
) -> None:
    async def ask(shop: httpx2.AsyncClient, times: int) -> None:
        for _ in range(times):
            assert (await shop.post("/ofrep/v1/evaluate/flags/counted", json={})).status_code == 200

    async def written() -> int:
        async with store.transaction(neighbourhood.id) as tx:
            counted = await tx.flag_usage.times(DEV, "counted", datetime.min.replace(tzinfo=tx.now.tzinfo))
        return sum(each.times for each in counted)

    await Flags(store).create(neighbourhood.ada, (DEV, "counted"), FLAG, WHY)
    async with api() as (process, shop):
        await ask(shop, 7)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 60) in {0, -signal.SIGTERM}
    assert await written() == 7
    async with api() as (process, shop):
        await ask(shop, 5)
        await eventually(lambda: reached(written, 12))
        await ask(shop, 3)
        process.kill()
        await process.wait()
    assert 12 <= await written() <= 15


async def reached(written: Any, times: int) -> bool:
    return bool(await written() == times)


@pytest.mark.req("BR3")
async def test_no_context_is_sampled_twice_and_few_are_lost(
    neighbourhood: House, store: PostgresStore, api: Api
) -> None:
    async def sampled() -> list[str]:
        async with store.transaction(neighbourhood.id) as tx:
            return [str(each.context["targetingKey"]) for each in await tx.flag_samples.samples(DEV, tx.now - KEPT)]

    async def seen(shop: httpx2.AsyncClient, *users: str) -> bool:
        """Asked again and again: a process hears moments after its first request what it is to sample."""
        for user in users:
            assert (await shop.post("/ofrep/v1/evaluate/flags", json={"context": {"targetingKey": user}})).is_success
        return {*users} <= {*await sampled()}

    chosen = parse_sampling(["targetingKey"], [], 100)
    await FlagSampling(store).choose(neighbourhood.root, DEV, chosen, expected=0, reason=WHY)
    async with api() as (process, shop):
        await eventually(lambda: seen(shop, "ada", "bob"))
        await seen(shop, "ada", "cyd", "dee")
        process.kill()
        await process.wait()
    held = await sampled()
    assert len(held) == len({*held})
    assert {"ada", "bob"} <= {*held} <= {"ada", "bob", "cyd", "dee"}
