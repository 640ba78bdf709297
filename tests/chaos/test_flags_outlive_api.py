"""A program evaluates its flags while the API is killed under it, and starts without it, from what it last knew."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import changegate
import pytest
from changegate.openfeature import ChangegateProvider
from openfeature import api as features
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import EventDetails, ProviderEvent
from temporalio.client import Client

from adapters.embedded.probes import http_answers
from adapters.identity.issuer import EmbeddedIssuer
from adapters.postgres.store import PostgresStore
from application.flags import Flags
from application.tenants import Tenants
from domain.environments import Environment
from tests.chaos.conftest import ROOT, eventually, free_port, running
from tests.conftest import House

PLACE, WHY = (Environment.DEV, "theme"), "because of the test"
ADA = EvaluationContext("ada", {"plan": "pro"})
PROGRAM = """
import sys
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from changegate.openfeature import ChangegateProvider
url, token, tenant, path = sys.argv[1:]
api.set_provider_and_wait(ChangegateProvider(url, token, environment="dev", tenant=tenant, snapshot=path))
found = api.get_client().get_string_details("theme", "none", EvaluationContext("ada", {"plan": "pro"}))
sys.stdout.write(f"{found.value} {found.reason}")
api.shutdown()
"""


def themed(value: str) -> dict[str, Any]:
    """For those who pay."""
    return {
        "state": "ENABLED", "variants": {"plain": "plain", "chosen": value}, "defaultVariant": "plain",
        "targeting": {"if": [{"==": [{"var": "plan"}, "pro"]}, "chosen"]},
    }  # fmt: skip


async def begun(*words: str) -> str:
    """What a program of its own says that begins now."""
    paths = os.pathsep.join([str(Path(changegate.__file__).parents[1]), str(ROOT)])
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, *words, stdout=subprocess.PIPE, cwd=ROOT, env={"PYTHONPATH": paths}
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    return said.decode()


class Shop:
    """A program that has its flags through OpenFeature, and wrote down which of them changed."""

    def __init__(self, name: str) -> None:
        self.client = features.get_client(name)
        self.moved: list[list[str] | None] = []
        self.client.add_handler(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED, self._note)

    def _note(self, details: EventDetails) -> None:
        self.moved.append(details.flags_changed)

    async def shows(self, value: str) -> None:
        async def seen() -> bool:
            return self.client.get_string_value("theme", "none", ADA) == value

        await eventually(seen)

    async def is_in(self, status: str) -> None:
        async def seen() -> bool:
            return self.client.get_provider_status().name == status

        await eventually(seen)


@pytest.fixture
def serving(surroundings: dict[str, str], client: Client, tmp_path: Path) -> Callable[[int], Any]:
    """The product's API at a port."""

    @asynccontextmanager
    async def begun(port: int) -> AsyncIterator[asyncio.subprocess.Process]:
        words = ("-m", "uvicorn", "bootstrap:api", "--factory", "--port", str(port), "--log-level", "warning")
        async with running(*words, env=surroundings, log=tmp_path / "api.log") as process:
            await eventually(lambda: http_answers(port, "/readyz"))
            yield process

    return begun


@pytest.mark.req("OF-03", "OF-05")
async def test_the_last_known_flags_hold(
    neighbourhood: House, store: PostgresStore, issuer: EmbeddedIssuer, serving: Any, tmp_path: Path
) -> None:
    port, path, slug, token = free_port(), tmp_path / "flags", neighbourhood.tenant.slug, issuer.mint("eve")
    url, flags, shop = f"http://127.0.0.1:{port}", Flags(store), Shop(slug)
    await flags.create(neighbourhood.ada, PLACE, themed("a"), WHY)
    provider = ChangegateProvider(url, token, environment="dev", tenant=slug, snapshot=path, stale_after=0.5)
    try:
        async with serving(port) as process:
            await asyncio.to_thread(features.set_provider_and_wait, provider, slug)
            found = shop.client.get_string_details("theme", "none", ADA)
            assert (found.value, found.variant, found.reason) == ("a", "chosen", "TARGETING_MATCH")
            await flags.update(neighbourhood.ada, PLACE, themed("b"), expected=1, reason=WHY)
            await shop.shows("b")
            process.kill()
            await process.wait()
        await shop.is_in("STALE")
        await shop.shows("b")
        assert await begun(url, token, slug, str(path)) == "b TARGETING_MATCH"
        await flags.update(neighbourhood.ada, PLACE, themed("c"), expected=2, reason=WHY)
        async with serving(port):
            await shop.shows("c")
            await shop.is_in("READY")
            await Tenants(store).set_roles(neighbourhood.root, "eve", frozenset(), WHY)
            await shop.is_in("STALE")
            await shop.shows("c")
    finally:
        await asyncio.to_thread(provider.shutdown)
    assert shop.moved == [["theme"], ["theme"]]
