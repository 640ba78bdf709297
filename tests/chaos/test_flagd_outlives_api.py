"""flagd's own provider evaluates while the API is killed under it, and follows it again once it is back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from openfeature.contrib.provider.flagd import FlagdProvider
from openfeature.contrib.provider.flagd.config import ResolverType
from openfeature.evaluation_context import EvaluationContext
from temporalio.client import Client

from adapters.embedded.probes import http_answers
from adapters.identity.issuer import EmbeddedIssuer
from adapters.postgres.store import PostgresStore
from application.flags import Flags
from domain.environments import Environment
from tests.chaos.conftest import eventually, free_port, running
from tests.conftest import House

FLAG: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
PLACE = (Environment.DEV, "checkout")


@pytest.mark.req("FR-SM-041", "FD-01")
async def test_what_was_streamed_holds(
    neighbourhood: House, store: PostgresStore, issuer: EmbeddedIssuer, client: Client, surroundings: dict[str, str],
    tmp_path: Path,
) -> None:  # fmt: skip
    web, sync = free_port(), free_port()
    env = {**surroundings, "CHANGEGATE_FLAGD_PORT": str(sync)}
    words = ("-m", "uvicorn", "bootstrap:api", "--factory", "--port", str(web), "--log-level", "warning")

    @asynccontextmanager
    async def api() -> AsyncIterator[asyncio.subprocess.Process]:
        async with running(*words, env=env, log=tmp_path / "api.log") as process:
            await eventually(lambda: http_answers(web, "/readyz"))
            yield process

    flags, why = Flags(store), "because of the test"
    await flags.create(neighbourhood.ada, PLACE, FLAG, why)
    provider = FlagdProvider(
        resolver_type=ResolverType.IN_PROCESS, host="127.0.0.1", port=sync, provider_id=issuer.mint("eve"),
        selector=f"flagSetId={neighbourhood.tenant.slug}/dev", deadline_ms=60_000, retry_backoff_ms=100,
        retry_backoff_max_ms=500,
    )  # fmt: skip

    async def value() -> bool:
        return provider.resolve_boolean_details("checkout", False).value

    try:
        async with api() as process:
            await asyncio.to_thread(provider.initialize, EvaluationContext())
            await flags.update(neighbourhood.ada, PLACE, {**FLAG, "defaultVariant": "on"}, expected=1, reason=why)
            await eventually(value)
            process.kill()
            await process.wait()
            assert await value()
        await flags.update(neighbourhood.ada, PLACE, FLAG, expected=2, reason=why)
        async with api():
            await eventually(lambda: off(value))
    finally:
        await asyncio.to_thread(provider.shutdown)


async def off(value: Any) -> bool:
    return not await value()
