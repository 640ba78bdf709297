"""A program keeps its settings while the API is killed under it, begins without it, and is fresh once it is back."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import changegate
import httpx2
import pytest
from changegate import AsyncClient, AsyncSettings, Item
from temporalio.client import Client

from adapters.embedded.probes import http_answers
from adapters.identity.issuer import EmbeddedIssuer
from tests.chaos.conftest import ROOT, eventually, free_port, running
from tests.conftest import House

WHY: dict[str, Any] = {"environment": "dev", "reason": "because of the test"}
PROGRAM = """
import sys, changegate
url, token, tenant, path = sys.argv[1:]
with changegate.Settings(url, token, environment="dev", tenant=tenant, snapshot=path) as settings:
    sys.stdout.write(f"{settings.get('shop.motto', type=str)} {settings.stale_since is None}")
"""


@dataclass
class Api:
    """The product's API on one port, which may be killed and started again."""

    env: dict[str, str]
    log: Path
    port: int = field(default_factory=free_port)
    process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def started(self) -> AsyncIterator[None]:
        words = ("-m", "uvicorn", "bootstrap:api", "--factory", "--port", str(self.port), "--log-level", "warning")
        async with running(*words, "--timeout-graceful-shutdown", "1", env=self.env, log=self.log) as self.process:
            await eventually(lambda: http_answers(self.port, "/readyz"))
            yield

    async def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        await self.process.wait()


@pytest.fixture
def api(surroundings: dict[str, str], client: Client, tmp_path: Path) -> Api:
    return Api(surroundings, tmp_path / "api.log")


async def begun(api: Api, token: str, tenant: str, path: Path) -> str:
    """What a program of its own says that begins now."""
    source = str(Path(changegate.__file__).parents[1])
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, api.url, token, tenant, str(path),
        stdout=subprocess.PIPE, cwd=ROOT, env={"PYTHONPATH": source},
    )  # fmt: skip
    said, _ = await process.communicate()
    assert process.returncode == 0
    return said.decode()


async def test_the_last_known_values_hold(
    api: Api, neighbourhood: House, issuer: EmbeddedIssuer, tmp_path: Path
) -> None:
    slug, path = neighbourhood.tenant.slug, tmp_path / "kept"
    ada, eve = issuer.mint("ada"), issuer.mint("eve")
    me = AsyncClient(api.url, ada, tenant=slug)

    async def write(value: str) -> None:
        stored = await me.settings.stored("shop.motto", environment="dev")
        await me.settings.set(Item("shop.motto", value), over=stored.version, **WHY)

    async with AsyncExitStack() as stack:
        stack.push_async_callback(me.aclose)
        async with api.started():
            await define(api.url, ada, slug)
            settings = await stack.enter_async_context(
                AsyncSettings(api.url, eve, environment="dev", tenant=slug, snapshot=path)
            )
            await write("before")
            await sees(settings, "before")
            await api.kill()
            await eventually(lambda: became(settings.stale_since))
            assert settings.get("shop.motto") == "before"
            assert await begun(api, eve, slug, path) == "before False"
        async with api.started():
            await write("after")
            await sees(settings, "after")
            assert settings.stale_since is None
            assert await begun(api, eve, slug, tmp_path / "another") == "after True"


async def sees(settings: AsyncSettings, value: str) -> None:
    await eventually(lambda: became(settings.get("shop.motto") == value), patience=60)


async def became(holds: Any) -> Any:
    return holds


async def define(url: str, token: str, tenant: str) -> None:
    """Once; it may be there already."""
    headers = {"Authorization": f"Bearer {token}", "Changegate-Tenant": tenant}
    definition = {"key": "shop.motto", "type": "string", "scopes": ["tenant"], "default": "none"}
    async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=60, trust_env=False) as http:
        body = {"definition": definition, "reason": "because of the test"}
        answer = await http.post("/api/v1/setting-definitions", json=body)
    assert answer.status_code in {httpx2.codes.CREATED, httpx2.codes.CONFLICT}, answer.text
